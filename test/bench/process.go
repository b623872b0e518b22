package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a child: a server under measurement, a reference, or a swarm.
type process struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
	tail *tail
	done chan struct{} // closed when it has ended
	err  error         // valid once done is closed
}

// start runs a child that lives until stop. Children that are told things read standard input.
func start(name string, cmd *exec.Cmd, told bool) (*process, error) {
	p := &process{name: name, cmd: cmd, tail: &tail{}, done: make(chan struct{})}
	cmd.Stderr = p.tail
	// The child must not outlive a bench that was killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if told {
		in, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		p.in, p.out = in, json.NewDecoder(bufio.NewReader(out))
	} else {
		cmd.Stdout = p.tail
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if !told {
		go p.reap()
	}
	return p, nil
}

func (p *process) reap() {
	p.err = p.cmd.Wait()
	close(p.done)
}

// tell sends a command and reads its answer.
func (p *process) tell(command, answer any) error {
	b, err := json.Marshal(command)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(b, '\n')); err != nil {
		return p.broken(err)
	}
	return p.hear(answer)
}

func (p *process) hear(answer any) error {
	if err := p.out.Decode(answer); err != nil {
		return p.broken(err)
	}
	return nil
}

func (p *process) broken(err error) error {
	return fmt.Errorf("%s: %w\n%s", p.name, err, p.tail)
}

// stop ends the child: gently, then not.
func (p *process) stop(gently time.Duration) error {
	if p.in != nil {
		_ = p.in.Close() // it ends at the end of its input
		go p.reap()
	} else {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // gone already is as good
	}
	select {
	case <-p.done:
	case <-time.After(gently):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not stop within %s\n%s", p.name, gently, p.tail)
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && exit.ExitCode() == -1 {
		return nil // by our signal
	}
	return p.err
}

// cpu is the processor time the process has used since its start. It is exact
// for threads that are not running at this moment.
func (p *process) cpu() (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(tasks) == 0 {
		return 0, fmt.Errorf("%s: no processor times in /proc: %w", p.name, errors.Join(err, os.ErrNotExist))
	}
	var sum time.Duration
	for _, task := range tasks {
		b, err := os.ReadFile(task)
		if err != nil {
			continue // the thread ended meanwhile
		}
		ns, err := strconv.ParseInt(strings.Fields(string(b))[0], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", task, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// resident is the process's resident memory in bytes.
func (p *process) resident() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kib, err := strconv.ParseFloat(strings.Fields(string(rest))[0], 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("%s: no VmRSS in /proc", p.name)
}

// tail keeps the last output of a child, for the error that quotes it.
type tail struct {
	mu   sync.Mutex
	last []byte
}

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, b...)
	if n := len(t.last); n > tailSize {
		t.last = append([]byte(nil), t.last[n-tailSize:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.last)
}

// serveCommands is the child's side: it hands each line to handle and writes
// what that returns, until the input or ctx ends.
func serveCommands[C any](ctx context.Context, in io.Reader, out io.Writer, handle func(C) any) error {
	d, e := json.NewDecoder(in), json.NewEncoder(out)
	for ctx.Err() == nil {
		var c C
		if err := d.Decode(&c); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := e.Encode(handle(c)); err != nil {
			return err
		}
	}
	return nil
}
