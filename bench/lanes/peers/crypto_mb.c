/* What Intel's crypto_mb does, eight at a time, as a peer of the program lanes. It needs a processor with AVX-512 IFMA and the library, which
   the Python packages ipp-crypto-static and ipp-crypto-include 2026.2.0 have (lib/libcrypto_mb.a, include):
     cc -O2 -I INCLUDE -I INCLUDE/aggregator -o /tmp/crypto_mb peers/crypto_mb.c LIB/libcrypto_mb.a -lcrypto && go run . -peer /tmp/crypto_mb
   It checks none of its results; the nonces are from RAND_bytes with the top bit cleared, which is good enough to measure only. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aggregator/crypto_mb/ec_nistp256.h"
#include "aggregator/crypto_mb/rsa.h"

#define SECONDS 0.3

static double cpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void rsa(int bits) {
  BIGNUM *e = BN_new();
  BN_set_word(e, 65537);
  RSA *key = RSA_new();
  RSA_generate_key_ex(key, bits, e, NULL);
  const BIGNUM *parts[5];
  RSA_get0_factors(key, &parts[0], &parts[1]);
  RSA_get0_crt_params(key, &parts[2], &parts[3], &parts[4]);
  int64u *words[5];
  for (int j = 0; j < 5; j++) {
    words[j] = calloc(1, bits / 16 + 64);
    BN_bn2lebinpad(parts[j], (void *)words[j], bits / 16);
  }
  const int64u *p[8], *q[8], *dp[8], *dq[8], *iq[8];
  int8u *in[8], *out[8];
  for (int i = 0; i < 8; i++) {
    p[i] = words[0], q[i] = words[1], dp[i] = words[2], dq[i] = words[3], iq[i] = words[4];
    in[i] = malloc(bits / 8), out[i] = malloc(bits / 8);
    RAND_bytes(in[i], bits / 8);
    in[i][0] = 0;
  }
  const mbx_RSA_Method *m = mbx_RSA_private_crt_Method(bits);
  int8u *buffer = malloc(mbx_RSA_Method_BufSize(m));
  long n = 0;
  double start = cpu(), used;
  do {
    if (mbx_rsa_private_crt_mb8((const int8u *const *)in, out, p, q, dp, dq, iq, bits, m, buffer)) return;
    n += 8;
    used = cpu() - start;
  } while (used < SECONDS);
  printf("rsa%d sign: crypto_mb, 8 at once, unchecked %.1f\n", bits, n / used);
}

static void p256(int nonces) {
  int8u *r[8], *s[8], *digest[8];
  int64u *key[8], *nonce[8];
  BIGNUM *order = BN_new(), *a = BN_new();
  EC_GROUP_get_order(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1), order, NULL);
  for (int i = 0; i < 8; i++) {
    r[i] = malloc(32), s[i] = malloc(32), digest[i] = malloc(32), key[i] = malloc(32), nonce[i] = malloc(32);
    RAND_bytes(digest[i], 32);
    BN_rand_range(a, order);
    BN_bn2lebinpad(a, (void *)key[i], 32);
    BN_rand_range(a, order);
    BN_bn2lebinpad(a, (void *)nonce[i], 32);
  }
  long n = 0;
  double start = cpu(), used;
  do {
    for (int i = 0; nonces && i < 8; i++) {
      RAND_bytes((void *)nonce[i], 32);
      nonce[i][3] &= 0x7fffffffffffffffULL;
    }
    if (mbx_nistp256_ecdsa_sign_mb8(r, s, (const int8u *const *)digest, (const int64u *const *)nonce, (const int64u *const *)key, NULL)) return;
    n += 8;
    used = cpu() - start;
  } while (used < SECONDS);
  printf("p256 sign: crypto_mb, 8 at once%s, unchecked %.1f\n", nonces ? ", nonces" : "", n / used);
}

int main(void) {
  p256(1);
  p256(0);
  rsa(2048);
  rsa(3072);
  rsa(4096);
  return 0;
}
