package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// errRed ends a report that was printed whole and has failed or missing rows.
var errRed = errors.New("requirements are failed or missing")

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("requirements", flag.ContinueOnError)
	list := flags.String("list", filepath.Join("test", "requirements.json"), "file of the requirements")
	folder := flags.String("outcomes", filepath.Join("bin", "requirements"), "folder with the outcome files of a run")
	write := flags.String("write", "", "file for the whole report; without it the report is printed")
	choose := flags.Int("choose", 0, "print this many of the rows that passed, chosen by a hash, and nothing else")
	if err := flags.Parse(args); err != nil {
		return err
	}
	body, err := os.ReadFile(*list)
	if err != nil {
		return fmt.Errorf("%w: run it in the folder of the repository, or name the file with -list", err)
	}
	rows, err := ReadRows(body)
	if err != nil {
		return fmt.Errorf("%s: %w", *list, err)
	}
	outcomes, err := ReadOutcomes(os.DirFS(*folder))
	if err != nil {
		return fmt.Errorf("read outcomes in %s: %w: run go tool task test, which writes them", *folder, err)
	}
	report, err := NewReport(rows, outcomes)
	if err != nil {
		return err
	}
	if *choose > 0 {
		for _, id := range report.Choose(*choose) {
			fmt.Fprintln(out, id)
		}
		return nil
	}
	if *write == "" {
		_, err = io.WriteString(out, report.Markdown())
	} else if err = os.WriteFile(*write, []byte(report.Markdown()), 0o644); err == nil {
		_, err = fmt.Fprint(out, report.Summary(), "whole report: ", *write, "\n")
	}
	if err == nil && report.Red() {
		err = errRed
	}
	return err
}
