/*
 * Times the GOST engine of OpenSSL, in one thread:
 *
 *   gostengine sign|verify KIND SET MILLISECONDS      KIND 256 or 512, SET as the engine names it: A, B, C, TCA
 *   gostengine hash KIND OCTETS MILLISECONDS
 *
 * Prints the nanoseconds of processor time of one operation. "gostengine sample KIND SET" prints a public key, a digest and
 * a signature in hexadecimal.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

static void die(const char *what)
{
    fprintf(stderr, "gostengine: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static double cpu(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void print(const unsigned char *b, size_t n)
{
    while (n--)
        printf("%02x", *b++);
    printf("\n");
}

int main(int argc, char **argv)
{
    ENGINE *e;
    int wide, nid;
    const EVP_MD *md;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx;
    unsigned char digest[64], signature[128], *der = NULL;
    size_t size, len = sizeof(signature);
    double start, limit;
    long n = 0;

    if (argc < 4)
        die("say what");
    ENGINE_load_builtin_engines();
    if ((e = ENGINE_by_id("gost")) == NULL || !ENGINE_init(e) || !ENGINE_set_default(e, ENGINE_METHOD_ALL))
        die("there is no engine gost");
    wide = strcmp(argv[2], "512") == 0;
    size = wide ? 64 : 32;
    md = EVP_get_digestbyname(wide ? "md_gost12_512" : "md_gost12_256");
    if (md == NULL)
        die("there is no such digest");
    limit = argc > 4 ? atof(argv[4]) * 1e6 : 0;
    if (strcmp(argv[1], "hash") == 0) {
        size_t octets = (size_t)atol(argv[3]);
        unsigned char *data = calloc(octets + 1, 1);

        start = cpu();
        do {
            if (!EVP_Digest(data, octets, digest, NULL, md, NULL))
                die("EVP_Digest");
            n++;
        } while (cpu() - start < limit);
        printf("%.1f\n", (cpu() - start) / (double)n);
        return 0;
    }
    nid = OBJ_txt2nid(wide ? "1.2.643.7.1.1.1.2" : "1.2.643.7.1.1.1.1");
    ctx = EVP_PKEY_CTX_new_id(nid, e);
    if (ctx == NULL || EVP_PKEY_keygen_init(ctx) <= 0 || EVP_PKEY_CTX_ctrl_str(ctx, "paramset", argv[3]) <= 0
        || EVP_PKEY_keygen(ctx, &key) <= 0)
        die("cannot make a key");
    EVP_PKEY_CTX_free(ctx);
    memset(digest, 0x5a, sizeof(digest));
    ctx = EVP_PKEY_CTX_new(key, e);
    if (ctx == NULL || EVP_PKEY_sign_init(ctx) <= 0 || EVP_PKEY_CTX_set_signature_md(ctx, md) <= 0
        || EVP_PKEY_sign(ctx, signature, &len, digest, size) <= 0)
        die("EVP_PKEY_sign");
    if (strcmp(argv[1], "sample") == 0) {
        int total = i2d_PUBKEY(key, &der);

        print(der + total - 2 * (int)size, 2 * size);
        print(digest, size);
        print(signature, len);
        return 0;
    }
    start = cpu();
    if (strcmp(argv[1], "sign") == 0) {
        do {
            len = sizeof(signature);
            if (EVP_PKEY_sign(ctx, signature, &len, digest, size) <= 0)
                die("EVP_PKEY_sign");
            n++;
        } while (cpu() - start < limit);
    } else {
        EVP_PKEY_CTX_free(ctx);
        ctx = EVP_PKEY_CTX_new(key, e);
        if (ctx == NULL || EVP_PKEY_verify_init(ctx) <= 0 || EVP_PKEY_CTX_set_signature_md(ctx, md) <= 0)
            die("EVP_PKEY_verify_init");
        start = cpu();
        do {
            if (EVP_PKEY_verify(ctx, signature, len, digest, size) != 1)
                die("EVP_PKEY_verify");
            n++;
        } while (cpu() - start < limit);
    }
    printf("%.1f\n", (cpu() - start) / (double)n);
    return 0;
}
