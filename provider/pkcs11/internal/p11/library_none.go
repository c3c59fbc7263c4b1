//go:build !(windows || (!signet_static && (!cgo || signet_nocgo) && ((darwin && !ios) || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))))) && !(cgo && unix && !signet_nocgo && !signet_static)

package p11

// What there is where no library can be loaded. Open returns ErrNoLoader, and with it nobody gets at the other functions.

type (
	handle  struct{}
	cstring struct{}
	library struct {
		version [2]byte
		of3     bool
	}
)

func load(string) (handle, error) { return handle{}, ErrNoLoader }
func keep(string) cstring         { return cstring{} }

func (*library) resolve(handle) RV                      { return FunctionNotSupported }
func (*library) empty() bool                            { return true }
func (*library) whole() bool                            { return false }
func (*library) initialize(cstring, bool) RV            { return FunctionNotSupported }
func (*library) finalize()                              {}
func (*library) info() (Info, RV)                       { return Info{}, FunctionNotSupported }
func (*library) slotList(bool, []ulong, *ulong) RV      { return FunctionNotSupported }
func (*library) mechanismList(uint, []ulong, *ulong) RV { return FunctionNotSupported }
func (*library) slotInfo(uint) (SlotInfo, RV)           { return SlotInfo{}, FunctionNotSupported }
func (*library) tokenInfo(uint) (TokenInfo, RV)         { return TokenInfo{}, FunctionNotSupported }
func (*library) mechanismInfo(_, _ uint) (MechanismInfo, RV) {
	return MechanismInfo{}, FunctionNotSupported
}
func (*library) openSession(_, _ uint) (uint, RV)              { return 0, FunctionNotSupported }
func (*library) closeSession(uint) RV                          { return FunctionNotSupported }
func (*library) sessionInfo(uint) (SessionInfo, RV)            { return SessionInfo{}, FunctionNotSupported }
func (*library) login(_, _ uint, _ []byte) RV                  { return FunctionNotSupported }
func (*library) cancel(uint) RV                                { return FunctionNotSupported }
func (*library) findInit(uint, []Attribute) RV                 { return FunctionNotSupported }
func (*library) find(uint, []ulong, *ulong) RV                 { return FunctionNotSupported }
func (*library) findFinal(uint) RV                             { return FunctionNotSupported }
func (*library) attribute(_, _, _ uint, _ []byte, _ *ulong) RV { return FunctionNotSupported }
func (*library) lengths(_, _ uint, _, _ []ulong) RV            { return FunctionNotSupported }
func (*library) values(_, _ uint, _, _ []ulong, _ []byte) RV   { return FunctionNotSupported }
func (*library) create(uint, []Attribute) (uint, RV)           { return 0, FunctionNotSupported }
func (*library) destroy(_, _ uint) RV                          { return FunctionNotSupported }
func (*library) sign(uint, *SignCall) signed                   { return signed{FunctionNotSupported, 0, SignInit} }
func (*library) signAgain(uint, []byte, []byte) signed {
	return signed{FunctionNotSupported, 0, SignInit}
}

func (*library) generateKeyPair(_, _ uint, _, _ []Attribute) (_, _ uint, _ RV) {
	return 0, 0, FunctionNotSupported
}
