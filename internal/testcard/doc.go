// Package testcard is a smart card in software, and what lies between it and a PKCS #11 module: a reader of vpcd and a
// daemon pcscd of its own. Tests put the card in, pull it, swap it for another one, kill the daemon, and ask the card how
// often it was given a PIN.
//
// The card speaks as much of PIV (NIST SP 800-73-4) as opensc-pkcs11 and ykcs11 need to list keys and to sign, and the
// instructions of a YubiKey that ykcs11 asks for.
package testcard
