// http2 MODE KEY=VALUE...: HTTP/2 of Go, in plain text or TLS (tls=1), as http2.mjs.
//
// serve ms= bytes=. Clients, with port=: one (n=), fan (n=, in=), idle, every (n=, every=).
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

var args = map[string]string{}

func number(key string, otherwise int) int {
	if value, ok := args[key]; ok {
		n, _ := strconv.Atoi(value)
		return n
	}
	return otherwise
}

func serve() {
	body := make([]byte, number("bytes", 100))
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(number("ms", 12)) * time.Millisecond)
		w.Write(body)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("ready", listener.Addr().(*net.TCPAddr).Port)
	if args["tls"] != "" {
		panic(http.ServeTLS(listener, handler, args["at"]+"/keys/cert.pem", args["at"]+"/keys/key.pem"))
	}
	server := &http2.Server{}
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go server.ServeConn(connection, &http2.ServeConnOpts{Handler: handler})
	}
}

type truth struct {
	sync.Mutex
	waits       []float64
	due         float64
	outstanding int
	since       time.Time
}

func (t *truth) sent() time.Time {
	t.Lock()
	defer t.Unlock()
	now := time.Now()
	if t.outstanding == 0 {
		t.since = now
	}
	t.outstanding++
	return now
}

func (t *truth) answered(sent time.Time) {
	t.Lock()
	defer t.Unlock()
	now := time.Now()
	t.outstanding--
	if t.outstanding == 0 {
		t.due += now.Sub(t.since).Seconds()
	}
	t.waits = append(t.waits, now.Sub(sent).Seconds())
}

func (t *truth) report(wall time.Duration) {
	sort.Float64s(t.waits)
	sum, p50 := 0.0, 0.0
	for _, wait := range t.waits {
		sum += wait
	}
	if len(t.waits) > 0 {
		p50 = t.waits[len(t.waits)/2]
	}
	json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"n": float64(len(t.waits)), "sum": sum, "p50": p50, "due": t.due, "wall": wall.Seconds(), "abandoned": 0, "login": 0,
	})
}

func newClient() *http.Client {
	transport := &http2.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}}
	if args["tls"] == "" {
		transport.AllowHTTP = true
		transport.DialTLS = func(network, address string, _ *tls.Config) (net.Conn, error) {
			return net.Dial(network, address)
		}
	}
	return &http.Client{Transport: transport}
}

func ask(client *http.Client, t *truth) {
	scheme := "http"
	if args["tls"] != "" {
		scheme = "https"
	}
	var sent time.Time
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { sent = t.sent() }}
	request, _ := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace),
		"GET", scheme+"://127.0.0.1:"+args["port"]+"/", nil)
	response, err := client.Do(request)
	if err != nil {
		panic(err)
	}
	t.answered(sent)
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
}

func run(mode string) {
	fmt.Println("ready 0")
	input := bufio.NewReader(os.Stdin)
	input.ReadString('\n')
	client, t, start, n := newClient(), &truth{}, time.Now(), number("n", 100)
	switch mode {
	case "one":
		for i := 0; i < n; i++ {
			ask(client, t)
		}
	case "fan":
		ask(client, t) // connects: what is sent at once before would open several connections
		for done := 1; done < n; {
			var group sync.WaitGroup
			for i := 0; i < number("in", 10) && done < n; i++ {
				group.Add(1)
				done++
				go func() {
					defer group.Done()
					ask(client, t)
				}()
			}
			group.Wait()
		}
	case "idle":
		ask(client, t)
		time.Sleep(1500 * time.Millisecond)
	case "every":
		for i := 0; i < n; i++ {
			ask(client, t)
			time.Sleep(time.Duration(number("every", 300)) * time.Millisecond)
		}
	}
	t.report(time.Since(start))
	input.ReadString('\n')
}

func main() {
	for _, pair := range os.Args[2:] {
		key, value, _ := strings.Cut(pair, "=")
		args[key] = value
	}
	if os.Args[1] == "serve" {
		serve()
	} else {
		run(os.Args[1])
	}
}
