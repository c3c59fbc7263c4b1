module github.com/seed-116355fd/signet/internal/lanes/gen

go 1.26
