/*
 * Times OpenSSL at the same work as the Go benchmarks, in one thread:
 *
 *   cmssign MODE KEY.pem CERT.pem CONTENT DIGEST N
 *
 * MODE is "floor" for the digest of the content and the bare key operation, or "sign" for a detached CAdES-BES by
 * CMS_sign, encoded. Prints the nanoseconds of one operation, the mean of N.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static void die(const char *what)
{
    fprintf(stderr, "cmssign: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static unsigned char *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    unsigned char *data;
    long size;

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0)
        die(path);
    data = malloc((size_t)size + 1);
    if (data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size)
        die(path);
    fclose(f);
    *len = (size_t)size;
    return data;
}

/* The context of the key is made once, as a program that signs much would do. */
static void floor_once(EVP_PKEY_CTX *ctx, const EVP_MD *md, const unsigned char *content, size_t len)
{
    unsigned char digest[EVP_MAX_MD_SIZE], signature[1024];
    unsigned int digest_len;
    size_t signature_len = sizeof(signature);

    if (!EVP_Digest(content, len, digest, &digest_len, md, NULL)
        || EVP_PKEY_sign(ctx, signature, &signature_len, digest, digest_len) <= 0)
        die("EVP_PKEY_sign");
}

static void sign_once(EVP_PKEY *key, X509 *cert, const EVP_MD *md, const unsigned char *content, size_t len)
{
    const unsigned int flags = CMS_CADES | CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP;
    BIO *in = BIO_new_mem_buf(content, (int)len);
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags | CMS_PARTIAL);
    unsigned char *der = NULL;

    /* CMS_sign itself takes no digest but the default one, so it is called in its parts. */
    if (in == NULL || cms == NULL || CMS_add1_signer(cms, cert, key, md, flags) == NULL || !CMS_final(cms, in, NULL, flags)
        || i2d_CMS_ContentInfo(cms, &der) <= 0)
        die("CMS_sign");
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
}

int main(int argc, char **argv)
{
    struct timespec start, end;
    unsigned char *content;
    size_t len;
    const EVP_MD *md;
    EVP_PKEY *key;
    EVP_PKEY_CTX *ctx;
    X509 *cert;
    BIO *bio;
    long i, n;
    int floor;

    if (argc != 7)
        die("usage: cmssign floor|sign KEY.pem CERT.pem CONTENT DIGEST N");
    floor = strcmp(argv[1], "floor") == 0;
    if ((bio = BIO_new_file(argv[2], "r")) == NULL || (key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL)) == NULL)
        die(argv[2]);
    BIO_free(bio);
    if ((bio = BIO_new_file(argv[3], "r")) == NULL || (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) == NULL)
        die(argv[3]);
    BIO_free(bio);
    content = read_file(argv[4], &len);
    if ((md = EVP_MD_fetch(NULL, argv[5], NULL)) == NULL)
        die(argv[5]);
    n = atol(argv[6]);

    ctx = EVP_PKEY_CTX_new(key, NULL);
    if (ctx == NULL || EVP_PKEY_sign_init(ctx) <= 0 || EVP_PKEY_CTX_set_signature_md(ctx, md) <= 0)
        die("EVP_PKEY_sign_init");

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (i = 0; i < n; i++) {
        if (floor)
            floor_once(ctx, md, content, len);
        else
            sign_once(key, cert, md, content, len);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.1f\n", ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / (double)n);
    return 0;
}
