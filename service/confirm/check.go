package confirm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Check says what is wrong with a configuration without beginning to work: limits, secret, and whether the database answers and
// has the tables of this program. A SQLite file is not opened, since another engine may have it.
func Check(ctx context.Context, c Config) error {
	if _, err := newSeals(c.Secret.Bytes()); err != nil {
		return err
	}
	if err := c.Limits.withDefaults().check(); err != nil {
		return err
	}
	if isPostgres(c.Database) {
		s, err := openStore(ctx, c.Database, "check")
		if err != nil {
			return err
		}
		return errors.Join(checkTables(ctx, s.read()), s.close())
	}
	folder := filepath.Dir(c.Database)
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil // it is made
	case err != nil:
		return fmt.Errorf("confirm: the folder of the database: %w", err)
	case !info.IsDir():
		return fmt.Errorf("confirm: %s, where the database is to be, is no folder", folder)
	}
	if f, err := os.OpenFile(c.Database, os.O_RDWR, 0); err == nil {
		if err := errors.Join(checkFile(f), f.Close()); err != nil {
			return fmt.Errorf("confirm: the database %s: %w", c.Database, err)
		}
		return nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("confirm: the database: %w", err)
	}
	return nil
}
