//go:build go1.27

package mldsa_test

import "crypto"

const mu = crypto.MLDSAMu
