//go:build !go1.27

package mldsa_test

import "filippo.io/mldsa/mldsacrypto"

const mu = mldsacrypto.MLDSAMu
