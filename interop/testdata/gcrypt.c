/* What libgcrypt says of GOST R 34.10-2012 and Streebog. Numbers are hexadecimal, highest digit first.
     hash stribog256|stribog512   < content
     sign CURVE Q D E
     verify CURVE Q E R S */
#include <gcrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(gcry_error_t e, const char *what) {
	if (e) {
		printf("error %s: %s\n", what, gcry_strerror(e));
		exit(1);
	}
}

static gcry_sexp_t build(const char *format, const char *a, const char *b, const char *c) {
	char text[4096];
	gcry_sexp_t s;
	snprintf(text, sizeof text, format, a, b, c);
	check(gcry_sexp_new(&s, text, 0, 1), "s-expression");
	return s;
}

static void print(gcry_sexp_t all, const char *name) {
	gcry_sexp_t s = gcry_sexp_find_token(all, name, 0);
	gcry_mpi_t n = gcry_sexp_nth_mpi(s, 1, GCRYMPI_FMT_USG);
	unsigned char *hex;
	check(gcry_mpi_aprint(GCRYMPI_FMT_HEX, &hex, NULL, n), name);
	printf("%s\n", hex);
}

int main(int n, char **a) {
	if (!gcry_check_version("1.8.0"))
		return 2;
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	if (n == 3 && !strcmp(a[1], "hash")) {
		gcry_md_hd_t h;
		int id = gcry_md_map_name(a[2]);
		char buffer[1024];
		size_t got;
		check(gcry_md_open(&h, id, 0), a[2]);
		while ((got = fread(buffer, 1, sizeof buffer, stdin)) != 0)
			gcry_md_write(h, buffer, got);
		unsigned char *sum = gcry_md_read(h, id);
		for (unsigned i = 0; i < gcry_md_get_algo_dlen(id); i++)
			printf("%02x", sum[i]);
		printf("\n");
		return 0;
	}
	if (n == 6 && !strcmp(a[1], "sign")) {
		gcry_sexp_t signature;
		gcry_sexp_t key = build("(private-key (ecc (curve \"%s\") (q #%s#) (d #%s#)))", a[2], a[3], a[4]);
		check(gcry_pk_sign(&signature, build("(data (flags gost) (value #%s#))", a[5], "", ""), key), "sign");
		print(signature, "r");
		print(signature, "s");
		return 0;
	}
	if (n == 7 && !strcmp(a[1], "verify")) {
		gcry_sexp_t key = build("(public-key (ecc (curve \"%s\") (q #%s#)))", a[2], a[3], "");
		gcry_sexp_t signature = build("(sig-val (gost (r #%s#) (s #%s#)))", a[5], a[6], "");
		check(gcry_pk_verify(signature, build("(data (flags gost) (value #%s#))", a[4], "", ""), key), "verify");
		printf("good\n");
		return 0;
	}
	return 2;
}
