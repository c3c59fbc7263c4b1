package cli

func (a *app) writePage(f *verifyFlags, all []*verified, o any) error { return nil }
