import java.io.DataInputStream;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Waits MODE [PORT]: waits as a Java program does.
 *
 * <p>monitor, reentrant: four threads that want one lock, whose holder computes. pool: a pool parked without work.
 * sleep: Thread.sleep. client PORT: sends requests to a server. server: waits for requests. busy MILLISECONDS: a server
 * that computes that long per request, beside a thread whose garbage is collected all the time; prints "served REQUESTS
 * SECONDS" after each line of input.
 */
final class Waits {
  private static final int THREADS = 4;
  private static final int MESSAGE = 64;

  private static void ready(int detail) {
    System.out.println("ready " + detail);
  }

  private static void burn(long milliseconds) {
    for (long until = System.nanoTime() + milliseconds * 1_000_000; System.nanoTime() < until; ) ;
  }

  private static void startAll(Runnable run) {
    for (int i = 1; i < THREADS; i++) new Thread(run).start();
    ready(0);
    run.run();
  }

  private static void contendForMonitor() {
    Object monitor = new Object();
    startAll(
        () -> {
          while (true) {
            synchronized (monitor) {
              burn(1);
            }
          }
        });
  }

  private static void contendForLock() {
    ReentrantLock lock = new ReentrantLock();
    startAll(
        () -> {
          while (true) {
            lock.lock();
            try {
              burn(1);
            } finally {
              lock.unlock();
            }
          }
        });
  }

  private static void parkPool() throws Exception {
    var pool = Executors.newFixedThreadPool(THREADS);
    for (int i = 0; i < 2 * THREADS; i++) pool.submit(() -> burn(2)).get();
    ready(0);
    Thread.currentThread().join();
  }

  private static void sleep() throws InterruptedException {
    ready(0);
    while (true) Thread.sleep(5);
  }

  /** Prints the time of all responses so far after each: the truth that the probes are compared with. */
  private static void request(int port) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", port)) {
      var in = new DataInputStream(socket.getInputStream());
      byte[] buffer = new byte[MESSAGE];
      double waited = 0;
      ready(0);
      while (true) {
        long sent = System.nanoTime();
        socket.getOutputStream().write(buffer);
        in.readFully(buffer);
        waited += (System.nanoTime() - sent) / 1e9;
        System.out.printf("waited %.3f %.6f%n", System.currentTimeMillis() / 1e3, waited);
      }
    }
  }

  private static final AtomicLong served = new AtomicLong(), nanoseconds = new AtomicLong();

  private static volatile byte[] garbage;

  private static void serveBusily(long milliseconds) throws IOException {
    var listener = new ServerSocket(0);
    var collecting =
        new Thread(
            () -> {
              while (true) garbage = new byte[1 << 20];
            });
    collecting.setDaemon(true);
    collecting.start();
    var accepting =
        new Thread(
            () -> {
              try {
                while (true) {
                  Socket socket = listener.accept();
                  new Thread(() -> respond(socket, milliseconds)).start();
                }
              } catch (IOException impossible) {
                System.exit(1);
              }
            });
    accepting.start();
    ready(listener.getLocalPort());
    while (System.in.read() >= 0)
      if (System.in.available() == 0)
        System.out.printf("served %d %.6f%n", served.get(), nanoseconds.get() / 1e9);
  }

  private static void serve() throws IOException {
    try (ServerSocket listener = new ServerSocket(0)) {
      ready(listener.getLocalPort());
      while (true) {
        Socket socket = listener.accept();
        new Thread(() -> respond(socket, 0)).start();
      }
    }
  }

  private static void respond(Socket socket, long milliseconds) {
    byte[] buffer = new byte[MESSAGE];
    try (socket) {
      var in = new DataInputStream(socket.getInputStream());
      while (true) {
        in.readFully(buffer);
        long received = System.nanoTime();
        if (milliseconds > 0) burn(milliseconds);
        served.incrementAndGet();
        nanoseconds.addAndGet(System.nanoTime() - received);
        socket.getOutputStream().write(buffer);
      }
    } catch (IOException ended) {
      // The client has closed the connection.
    }
  }

  public static void main(String[] arguments) throws Exception {
    switch (arguments[0]) {
      case "monitor" -> contendForMonitor();
      case "reentrant" -> contendForLock();
      case "pool" -> parkPool();
      case "sleep" -> sleep();
      case "client" -> request(Integer.parseInt(arguments[1]));
      case "server" -> serve();
      case "busy" -> serveBusily(Long.parseLong(arguments[1]));
      default -> System.exit(2);
    }
  }
}
