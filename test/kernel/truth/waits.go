// waits MODE [PORT]: waits as a Go program does.
//
// mutex: four goroutines that want one mutex, whose holder computes. channel: goroutines parked without work.
// sleep: time.Sleep. client PORT: sends requests to a server. server: waits for requests. busy MILLISECONDS: a server that
// computes that long per request, beside a goroutine whose garbage is collected all the time; prints "served REQUESTS
// SECONDS" after each line of input.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	goroutines = 4
	message    = 64
)

func ready(detail int) {
	fmt.Printf("ready %d\n", detail)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func burn(length time.Duration) {
	for until := time.Now().Add(length); time.Now().Before(until); {
	}
}

func contend() {
	var mutex sync.Mutex
	run := func() {
		for {
			mutex.Lock()
			burn(time.Millisecond)
			mutex.Unlock()
		}
	}
	for i := 1; i < goroutines; i++ {
		go run()
	}
	ready(0)
	run()
}

// Works a little and collects garbage first, so that the runtime has created its threads.
func park() {
	work := make(chan int)
	for i := 0; i < goroutines; i++ {
		go func() {
			for range work {
				burn(5 * time.Millisecond)
			}
		}()
	}
	for i := 0; i < 2*goroutines; i++ {
		work <- i
	}
	runtime.GC()
	ready(0)
	select {
	case <-make(chan int):
	case <-time.After(time.Hour):
	}
}

func sleep() {
	ready(0)
	for {
		time.Sleep(5 * time.Millisecond)
	}
}

// Prints the time of all responses so far after each: the truth that the probes are compared with.
func request(port string) {
	connection, err := net.Dial("tcp", "127.0.0.1:"+port)
	check(err)
	buffer := make([]byte, message)
	waited := time.Duration(0)
	ready(0)
	for {
		sent := time.Now()
		_, err = connection.Write(buffer)
		check(err)
		_, err = io.ReadFull(connection, buffer)
		check(err)
		waited += time.Since(sent)
		fmt.Printf("waited %.6f %.6f\n", float64(time.Now().UnixMicro())/1e6, waited.Seconds())
	}
}

var (
	served, nanoseconds atomic.Int64
	garbage             []byte
)

func respond(connection net.Conn, work time.Duration) {
	buffer := make([]byte, message)
	for {
		if _, err := io.ReadFull(connection, buffer); err != nil {
			return
		}
		received := time.Now()
		burn(work)
		served.Add(1)
		nanoseconds.Add(int64(time.Since(received)))
		_, err := connection.Write(buffer)
		check(err)
	}
}

func collect() {
	for {
		garbage = make([]byte, 1<<20)
	}
}

func serveBusily(milliseconds string) {
	length, err := strconv.Atoi(milliseconds)
	check(err)
	go collect()
	go serve(time.Duration(length) * time.Millisecond)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Printf("served %d %.6f\n", served.Load(), float64(nanoseconds.Load())/1e9)
	}
}

func serve(work time.Duration) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	ready(listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		check(err)
		go respond(connection, work)
	}
}

func main() {
	switch os.Args[1] {
	case "mutex":
		contend()
	case "channel":
		park()
	case "sleep":
		sleep()
	case "client":
		request(os.Args[2])
	case "server":
		serve(0)
	case "busy":
		serveBusily(os.Args[2])
	}
	os.Exit(2)
}
