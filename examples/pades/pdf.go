package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"github.com/seed-116355fd/signet/pades"
)

// field is what a signature dictionary says beside the signature.
type field struct {
	subFilter string // pades.SubFilter or pades.TimestampSubFilter
	reason    string
	time      time.Time // the claimed time of signing, which stands here and not in the CMS
}

// makeReady appends a revision to a document that has a signature field with an empty signature of so many octets, and says where it
// has to be over. What is there already stays as it is, octet by octet, so earlier signatures stay good.
func makeReady(document []byte, room int, f field) (ready []byte, where pades.ByteRange, err error) {
	document = bytes.Clone(document)
	if n := len(document); n != 0 && document[n-1] != '\n' && document[n-1] != '\r' {
		document = append(document, '\n') // what is appended begins on a line of its own
	}
	ctx, err := api.ReadAndValidate(bytes.NewReader(document), model.NewDefaultConfiguration())
	if err != nil {
		return nil, where, err
	}
	if ctx.Encrypt != nil {
		return nil, where, errors.New("the document is encrypted; this example does not sign such")
	}
	u := &update{ctx}
	if err := u.addSignature(room, f); err != nil {
		return nil, where, err
	}
	// A revision has cross references of the kind that the others have.
	ctx.WriteXRefStream, ctx.WriteObjectStream = ctx.Read.UsingXRefStreams, false
	ctx.Write.Increment, ctx.Write.Offset = true, int64(len(document))
	out := bytes.NewBuffer(document)
	if err := api.WriteIncrement(ctx, out); err != nil {
		return nil, where, err
	}

	// pdfcpu has left room for the numbers of /ByteRange, which are known only now.
	ready = out.Bytes()
	hole := ctx.Write.OffsetSigContents
	behind := hole + int64(2*room+2)
	where = pades.ByteRange{0, hole, behind, int64(len(ready)) - behind}
	text := fmt.Sprintf("[0 %d %d %d]", where[1], where[2], where[3])
	at := ctx.Write.OffsetSigByteRange
	if have := bytes.IndexByte(ready[at:], '/'); len(text) > have {
		return nil, where, errors.New("the document is too large for the room that /ByteRange has")
	}
	copy(ready[at:], text+"       ") // over what stood there: [0 0 0 0]
	return ready, where, nil
}

// update changes objects of a document and has them written.
type update struct {
	*model.Context
}

// touch has an object written, by itself.
func (u *update) touch(ref types.IndirectRef) {
	n := ref.ObjectNumber.Value()
	if entry, ok := u.FindTableEntryLight(n); ok {
		entry.Compressed = false
	}
	u.Write.IncrementWithObjNr(n)
}

func (u *update) insert(o types.Object) (*types.IndirectRef, error) {
	n, err := u.InsertObject(o)
	if err != nil {
		return nil, err
	}
	ref := types.NewIndirectRef(n, 0)
	u.touch(*ref)
	return ref, nil
}

// addSignature makes the signature dictionary (ISO 32000-2 table 255), its field, which is its annotation, too, and the form.
func (u *update) addSignature(room int, f field) error {
	kind := "Sig"
	if f.subFilter == pades.TimestampSubFilter {
		kind = "DocTimeStamp"
	}
	dictionary := types.Dict{
		"Type": types.Name(kind), "Filter": types.Name("Adobe.PPKLite"), "SubFilter": types.Name(f.subFilter),
		"ByteRange": types.NewIntegerArray(0, 0, 0, 0),
		"Contents":  types.HexLiteral(strings.Repeat("00", room)),
	}
	if kind == "Sig" {
		dictionary["M"] = types.StringLiteral(types.DateString(f.time))
	}
	if f.reason != "" {
		reason, err := types.EscapedUTF16String(f.reason)
		if err != nil {
			return err
		}
		dictionary["Reason"] = types.StringLiteral(*reason)
	}
	signature, err := u.insert(dictionary)
	if err != nil {
		return err
	}
	page, err := u.PageDictIndRef(1)
	if err != nil {
		return err
	}
	form, fields, err := u.form()
	if err != nil {
		return err
	}
	widget, err := u.insert(types.Dict{
		"Type": types.Name("Annot"), "Subtype": types.Name("Widget"), "Rect": types.NewIntegerArray(0, 0, 0, 0), // nothing to see
		"F": types.Integer(132), "P": *page, "FT": types.Name("Sig"), "T": types.StringLiteral(fmt.Sprintf("Signature%d", len(fields)+1)), "V": *signature,
	})
	if err != nil {
		return err
	}
	form["Fields"] = append(fields, *widget)
	form["SigFlags"] = types.Integer(3) // there are signatures, and the document may only be appended to
	return u.annotate(*page, *widget)
}

// form finds the form, or makes one, and its fields. It will be written.
func (u *update) form() (form types.Dict, fields types.Array, err error) {
	root, err := u.Catalog()
	if err != nil {
		return nil, nil, err
	}
	switch o := root["AcroForm"].(type) {
	case types.IndirectRef:
		if form, err = u.DereferenceDict(o); err != nil {
			return nil, nil, err
		}
		u.touch(o)
	case types.Dict:
		form = o
		u.touch(*u.Root)
	default:
		form = types.NewDict()
		root["AcroForm"] = form
		u.touch(*u.Root)
	}
	if form == nil {
		return nil, nil, errors.New("the form of the document cannot be read")
	}
	if form["Fields"] != nil {
		fields, err = u.DereferenceArray(form["Fields"])
	}
	return form, fields, err
}

// annotate puts an annotation on a page.
func (u *update) annotate(page, widget types.IndirectRef) error {
	d, err := u.DereferenceDict(page)
	if err != nil {
		return err
	}
	var all types.Array
	if d["Annots"] != nil {
		if all, err = u.DereferenceArray(d["Annots"]); err != nil {
			return err
		}
	}
	d["Annots"] = append(all[:len(all):len(all)], widget)
	u.touch(page)
	return nil
}
