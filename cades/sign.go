package cades

import (
	"context"
	"io"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/sign"
)

// Sign signs a content and returns the container in DER. A detached content is never held in memory, an attached one is part of
// the result. Nil options make a detached CAdES-BES.
//
// When the signature was made, and others do not give what a level above BES needs, the container comes at the level that it has,
// beside the error; see [Reached].
func Sign(ctx context.Context, s *sign.Signer, content sign.Content, o *Options) ([]byte, error) {
	d, err := Prepare(ctx, s, content, o)
	if err != nil {
		return nil, err
	}
	signature, err := s.Sign(ctx, d.tbs)
	if err != nil {
		return nil, err
	}
	return d.FinishTrusted(ctx, signature)
}

// SignTo signs a content of any size in constant memory and writes the container. Options.Attached says whether the
// content goes in.
//
// An attached content that can be read twice gives DER: any but that of a [sign.Reader] over what is no io.Seeker, which is read
// once and gives BER: indefinite lengths, and the content in segments, because DER says its length before the content comes. Any
// reader of CMS takes that, but for a few that only know DER.
//
// What was written before an error is not a container.
func SignTo(ctx context.Context, dst io.Writer, s *sign.Signer, content sign.Content, o *Options) (err error) {
	defer sign.Recover(&err)
	if s == nil {
		return noSigner()
	}
	if o == nil {
		o = &Options{}
	}
	if content.Source().Once() && o.Attached && o.Level <= LevelBES && len(o.ContentTimestampers) == 0 {
		again := content.Source().Rewind()
		if again == nil {
			return signStream(ctx, dst, s, content, o)
		}
		if _, err := content.Source().Take(); err != nil { // it was read before
			return readError(&content, err)
		}
		content = sign.Opener(content.Name, again)
	}
	d, err := Prepare(ctx, s, content, o)
	if err != nil {
		return err
	}
	signature, err := s.Sign(ctx, d.tbs)
	if err != nil {
		return err
	}
	return d.FinishTo(ctx, dst, signature)
}

// signStream writes an attached container as its content comes.
func signStream(ctx context.Context, dst io.Writer, s *sign.Signer, content sign.Content, o *Options) error {
	if err := o.Check(); err != nil {
		return err
	}
	once, err := content.Source().Take()
	if err != nil {
		return readError(&content, err)
	}
	if err := o.suitable(s); err != nil { // before anything is written
		return err
	}
	d := newDraft(s, o)
	d.contentType = oidOr(o.ContentType, cms.OIDData)
	b := cms.NewBuilder(nil)
	const indefinite = "\x80"
	open := func(tag cms.Tag) {
		b.Header(tag, 0)
		b.Bytes()[b.Len()-1] = indefinite[0]
	}
	open(cms.TagSequence)
	b.OID(cms.OIDSignedData)
	open(cms.ContextConstructed(0))
	open(cms.TagSequence)
	b.Int(d.version())
	b.Header(cms.TagSet, len(s.Scheme().DigestAlg))
	b.Raw(s.Scheme().DigestAlg)
	open(cms.TagSequence)
	b.OID(d.contentType)
	open(cms.ContextConstructed(0))
	open(cms.ConstructedOctetString)
	if _, err := dst.Write(b.Bytes()); err != nil {
		return err
	}
	h := s.Scheme().NewHash()
	if _, err := message.Copy(ctx, io.MultiWriter(h, &segments{dst: dst}), once); err != nil {
		return readError(&content, err)
	}
	d.digest = h.Sum(nil)
	if err := d.freeze(ctx, o); err != nil {
		return err
	}
	signature, err := s.Sign(ctx, d.tbs)
	if err != nil {
		return err
	}
	b = cms.NewBuilder(nil)
	b.Raw(make([]byte, 6)) // end of content, [0] and encapContentInfo
	certs := d.certificates()
	if len(certs) != 0 {
		b.Header(cms.ContextConstructed(0), sizeOf(certs))
		b.Raw(certs...)
	}
	set := b.Open(cms.TagSet)
	d.appendSignerInfo(&b, d.signerInfoLen(signature), signature)
	b.Close(set)
	b.Raw(make([]byte, 6)) // end of SignedData, [0] and ContentInfo
	_, err = dst.Write(b.Bytes())
	return err
}

// segments writes each chunk as one segment of a constructed OCTET STRING.
type segments struct {
	dst    io.Writer
	header [12]byte
}

func (s *segments) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if _, err := s.dst.Write(cms.AppendHeader(s.header[:0], cms.TagOctetString, len(p))); err != nil {
		return 0, err
	}
	return s.dst.Write(p)
}
