/* What the installed OpenSSL does in 0.3 s of processor time of one thread, as a peer of the program lanes:
     cc -O2 -o /tmp/openssl peers/openssl.c -lcrypto && go run . -peer /tmp/openssl
   Another build is taken with -I and -L (and LD_LIBRARY_PATH). */
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static double cpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void measure(const char *name, EVP_PKEY *key, int rsa, int verify) {
  unsigned char digest[32], signature[1024];
  size_t length = sizeof signature;
  memset(digest, 7, sizeof digest);
  EVP_PKEY_CTX *s = EVP_PKEY_CTX_new(key, NULL), *v = EVP_PKEY_CTX_new(key, NULL);
  EVP_PKEY_sign_init(s);
  EVP_PKEY_verify_init(v);
  if (rsa) {
    EVP_PKEY_CTX_set_rsa_padding(s, RSA_PKCS1_PADDING);
    EVP_PKEY_CTX_set_signature_md(s, EVP_sha256());
  }
  EVP_PKEY_sign(s, signature, &length, digest, sizeof digest);
  long n = 0;
  double start = cpu(), used;
  do {
    for (int i = 0; i < 4; i++, n++) {
      size_t out = sizeof signature;
      if (verify ? EVP_PKEY_verify(v, signature, length, digest, sizeof digest) != 1
                 : EVP_PKEY_sign(s, signature, &out, digest, sizeof digest) != 1)
        return;
    }
    used = cpu() - start;
  } while (used < 0.3);
  printf("%s: OpenSSL %s %.1f\n", name, OpenSSL_version(OPENSSL_VERSION_STRING), n / used);
  EVP_PKEY_CTX_free(s);
  EVP_PKEY_CTX_free(v);
}

int main(void) {
  EVP_PKEY *ec = EVP_EC_gen("P-256");
  measure("p256 sign", ec, 0, 0);
  measure("p256 verify", ec, 0, 1);
  for (int bits = 2048; bits <= 4096; bits += 1024) {
    char name[32];
    snprintf(name, sizeof name, "rsa%d sign", bits);
    measure(name, EVP_RSA_gen(bits), 1, 0);
  }
  return 0;
}
