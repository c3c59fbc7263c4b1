//! What AWS-LC does in 0.3 s of processor time, as a peer of the program lanes:
//!   cargo build --release --manifest-path peers/awslc/Cargo.toml --target-dir /tmp/awslc && go run . -peer /tmp/awslc/release/awslc

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
        UnparsedPublicKey,
    },
};

#[repr(C)]
struct Time {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn clock_gettime(clock: i32, time: *mut Time) -> i32;
}

fn cpu() -> f64 {
    let mut t = Time { seconds: 0, nanoseconds: 0 };
    unsafe { clock_gettime(2, &mut t) };
    t.seconds as f64 + t.nanoseconds as f64 * 1e-9
}

fn measure(name: &str, mut f: impl FnMut()) {
    f();
    let start = cpu();
    let mut n = 0u64;
    while cpu() - start < 0.3 {
        f();
        n += 1;
    }
    println!("{name}: AWS-LC {:.1}", n as f64 / (cpu() - start));
}

fn main() {
    let rng = SystemRandom::new();
    let message = [7u8; 32];
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    measure("p256 sign", || {
        key.sign(&rng, &message).unwrap();
    });
    let signature = key.sign(&rng, &message).unwrap();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key().as_ref());
    measure("p256 verify", || public.verify(&message, signature.as_ref()).unwrap());
    for (bits, size) in [(2048, KeySize::Rsa2048), (3072, KeySize::Rsa3072), (4096, KeySize::Rsa4096)] {
        let key = RsaKeyPair::generate(size).unwrap();
        let mut out = vec![0; key.public_modulus_len()];
        measure(&format!("rsa{bits} sign"), || key.sign(&RSA_PKCS1_SHA256, &rng, &message, &mut out).unwrap());
    }
}
