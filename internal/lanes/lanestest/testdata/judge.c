/* Says of many signatures whether OpenSSL accepts them: judge KEY.pem < records. A record is a digest of SHA-256 and a signature, of r and s
   of 32 octets each, or by RSA with PKCS #1 v1.5. It writes 1 or 0 for each. */
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
  EVP_PKEY *key = f ? PEM_read_PUBKEY(f, NULL, NULL, NULL) : NULL;
  if (!key) return 2;
  int rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
  size_t size = rsa ? (size_t)EVP_PKEY_get_size(key) : 64;
  EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
  if (EVP_PKEY_verify_init(c) != 1) return 2;
  if (rsa && (EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) != 1 || EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) != 1)) return 2;
  unsigned char digest[32], signature[1024];
  while (fread(digest, 1, 32, stdin) == 32 && fread(signature, 1, size, stdin) == size) {
    int good;
    if (rsa) {
      good = EVP_PKEY_verify(c, signature, size, digest, 32) == 1;
    } else {
      ECDSA_SIG *s = ECDSA_SIG_new();
      ECDSA_SIG_set0(s, BN_bin2bn(signature, 32, NULL), BN_bin2bn(signature + 32, 32, NULL));
      unsigned char *der = NULL;
      int n = i2d_ECDSA_SIG(s, &der);
      good = n > 0 && EVP_PKEY_verify(c, der, n, digest, 32) == 1;
      OPENSSL_free(der);
      ECDSA_SIG_free(s);
    }
    putchar(good ? '1' : '0');
  }
  return 0;
}
