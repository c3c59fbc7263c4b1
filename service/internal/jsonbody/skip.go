package jsonbody

import "strings"

// skip reads a value that nobody asked for.
func (d *decoder) skip() error {
	c, err := d.next()
	if err != nil {
		return err
	}
	switch {
	case c == '"':
		return d.text(func([]byte) error { return nil })
	case c == 't', c == 'f', c == 'n':
		d.back()
		return d.literal(map[byte]string{'t': "true", 'f': "false", 'n': "null"}[c])
	case c == '-', c >= '0' && c <= '9':
		d.back()
		return d.number()
	case c != '{' && c != '[':
		return d.bad(c, "a value")
	}
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	if c == '[' {
		return d.elements(d.skip)
	}
	return d.members(func() error {
		if _, _, err := d.name(); err != nil {
			return err
		}
		return d.skip()
	})
}

// number reads the number of RFC 8259 section 6, of any length.
func (d *decoder) number() error {
	c, err := d.octet()
	if err != nil {
		return err
	}
	if c == '-' {
		if c, err = d.octet(); err != nil {
			return err
		}
	}
	if c < '0' || c > '9' {
		return d.bad(c, "a digit")
	}
	if c != '0' {
		if err := d.digits(0); err != nil {
			return err
		}
	}
	if c, err = d.optional("."); err != nil {
		return err
	}
	if c == '.' {
		if err := d.digits(1); err != nil {
			return err
		}
	}
	if c, err = d.optional("eE"); err != nil {
		return err
	}
	if c == 0 {
		return nil
	}
	if _, err = d.optional("+-"); err != nil {
		return err
	}
	return d.digits(1)
}

// digits reads as many as there are, at least least.
func (d *decoder) digits(least int) error {
	for n := 0; ; n++ {
		c, err := d.octet()
		if err != nil {
			return err
		}
		if c < '0' || c > '9' {
			if n < least {
				return d.bad(c, "a digit")
			}
			d.back()
			return nil
		}
	}
}

// optional reads one of the octets when it is the next one, else 0.
func (d *decoder) optional(octets string) (byte, error) {
	c, err := d.octet()
	if err != nil {
		return 0, err
	}
	if strings.IndexByte(octets, c) >= 0 {
		return c, nil
	}
	d.back()
	return 0, nil
}
