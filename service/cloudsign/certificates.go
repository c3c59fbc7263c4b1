package cloudsign

import (
	"context"
	"crypto/sha1" // a thumbprint is a name, not a protection
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/service/cloudsign/proto"
	"github.com/seed-116355fd/signet/service/gate"
)

// getMyCertificates is GET /GetMyCertificates?boxId: the certificates that the caller may sign with. One that cannot be opened
// now is not in the list; the log says so.
func (a *api) getMyCertificates(c *gate.Call) error {
	if _, err := query(c); err != nil {
		return err
	}
	p, err := a.profile(c)
	if err != nil {
		return err
	}
	standard := a.standard(c, &p)
	list := &proto.CertificateList{}
	status := a.Keys.List(c.Context(), allowed(c, &p))
	if c.Context().Err() != nil {
		return context.Cause(c.Context())
	}
	for _, s := range status {
		if s.Certificate == nil {
			c.Log.WarnContext(c.Context(), "key cannot be used", "key", s.Name, "error", fmt.Sprint(s.Err))
			continue
		}
		list.Certificates = append(list.Certificates, describe(s.Certificate, s.Name == standard))
	}
	return message(c, list)
}

// Attributes of a subject.
var (
	oidSurname    = asn1.ObjectIdentifier{2, 5, 4, 4}
	oidGivenName  = asn1.ObjectIdentifier{2, 5, 4, 42}
	oidInn        = asn1.ObjectIdentifier{1, 2, 643, 3, 131, 1, 1}
	oidInnOfFirms = asn1.ObjectIdentifier{1, 2, 643, 100, 4} // INNLE
)

// describe fills what a certificate says. Its key is in the service, so that its type is that of cloud certificates.
func describe(cert *x509.Certificate, standard bool) *proto.CertificateInfoV2 {
	thumbprint := fmt.Sprintf("%X", sha1.Sum(cert.Raw))
	from, to := ticks(cert.NotBefore), ticks(cert.NotAfter)
	info := &proto.CertificateInfoV2{Thumbprint: &thumbprint, Type: proto.CertificateType_KonturCertificate.Enum(), ValidFrom: &from, ValidTo: &to, IsDefault: &standard}
	set := func(dst **string, value string) {
		if value = strings.ToValidUTF8(strings.TrimSpace(value), "\ufffd"); value != "" {
			*dst = &value
		}
	}
	if len(cert.Subject.Organization) > 0 {
		set(&info.OrganizationName, cert.Subject.Organization[0])
	}
	for _, name := range cert.Subject.Names {
		value, _ := name.Value.(string)
		switch {
		case name.Type.Equal(oidSurname):
			set(&info.UserLastName, value)
		case name.Type.Equal(oidGivenName):
			first, middle, _ := strings.Cut(value, " ")
			set(&info.UserFirstName, first)
			set(&info.UserMiddleName, middle)
		case name.Type.Equal(oidInnOfFirms), name.Type.Equal(oidInn) && info.Inn == nil:
			set(&info.Inn, value)
		}
	}
	return info
}

// ticks is a time as .NET counts it: steps of 100 ns since the year 1.
func ticks(t time.Time) int64 {
	const epoch = 62_135_596_800 // seconds from the year 1 to 1970
	return (t.Unix()+epoch)*10_000_000 + int64(t.Nanosecond())/100
}
