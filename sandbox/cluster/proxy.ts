import { connect, createServer, type Server, type Socket } from 'node:net';
import { errorMessage } from '../../common/errors.js';
import { Reconciler, type Controller, type Key, type Log } from './controllers/reconciler.js';
import type { Service } from './objects/service.js';
import type { Store } from './store.js';

interface Target {
  host: string;
  port: number;
}

/**
 * The kube-proxy: forwards connections to a Service's ClusterIP to its ready pods in turn, as IPVS mode does. Without
 * a ready pod connections are refused.
 */
export class ServiceProxy implements Controller {
  readonly #forwarders = new Map<string, Forwarder>();
  readonly #reconciler: Reconciler;
  readonly #store: Store;
  readonly #log: Log;

  constructor(store: Store, log: Log) {
    this.#store = store;
    this.#log = log;
    const ofService = ({ metadata }: { metadata: Service['metadata'] }): Key[] => [
      {
        namespace: metadata.namespace ?? '',
        name: metadata.labels?.['kubernetes.io/service-name'] ?? metadata.name,
      },
    ];
    this.#reconciler = new Reconciler(
      store,
      log,
      { services: ofService, endpointslices: ofService },
      (key) => {
        this.#sync(key);
        return undefined;
      },
    );
  }

  start(): void {
    this.#reconciler.start();
  }

  stop(): void {
    this.#reconciler.stop();
    for (const forwarder of this.#forwarders.values()) forwarder.destroy();
  }

  #sync({ namespace, name }: Key): void {
    const service = this.#store.get('services', namespace, name);
    const address = service?.spec.clusterIP;
    const prefix = `${namespace}/${name}:`;
    const wanted = new Map<string, { at: Target; targets: Target[] }>();
    if (service && address !== undefined && address !== 'None') {
      for (const { port, name: portName = '' } of service.spec.ports) {
        const targets = this.#targets(namespace, name, portName);
        if (targets.length > 0) wanted.set(`${prefix}${port}`, { at: { host: address, port }, targets });
      }
    }
    for (const [key, { at, targets }] of wanted) this.#forwarder(key, at).targets = targets;
    for (const [key, forwarder] of this.#forwarders) {
      if (!key.startsWith(prefix) || wanted.has(key)) continue;
      this.#forwarders.delete(key);
      forwarder.close();
    }
  }

  #targets(namespace: string, service: string, portName: string): Target[] {
    const slices = this.#store
      .list('endpointslices', namespace)
      .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service);
    return slices.flatMap(({ endpoints, ports }) => {
      const port = ports.find(({ name }) => name === portName)?.port;
      const ready = endpoints.filter(({ conditions }) => conditions.ready === true);
      return port === undefined
        ? []
        : ready.flatMap(({ addresses }) => addresses.map((host) => ({ host, port })));
    });
  }

  #forwarder(key: string, at: Target): Forwarder {
    let forwarder = this.#forwarders.get(key);
    if (!forwarder) {
      forwarder = new Forwarder(at, (error) => {
        this.#forwarders.delete(key);
        this.#log(`service ${key} cannot listen on ${at.host}:${at.port}: ${errorMessage(error)}`);
      });
      this.#forwarders.set(key, forwarder);
    }
    return forwarder;
  }
}

/** One listening ClusterIP and port. */
class Forwarder {
  targets: readonly Target[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connections = 0;

  constructor(at: Target, onError: (error: Error) => void) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.#forward(client);
    });
    this.#server.on('error', onError);
    this.#server.listen(at.port, at.host);
  }

  /** Stops listening; open connections continue, as with the kernel's connection tracking. */
  close(): void {
    this.#server.close();
  }

  /** Also closes open connections. */
  destroy(): void {
    this.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #forward(client: Socket): void {
    const target = this.targets[this.#connections++ % this.targets.length]!;
    const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.resetAndDestroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroySoon();
      });
      socket.pipe(other);
    }
  }
}
