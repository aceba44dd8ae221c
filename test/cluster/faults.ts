import { ApiError } from '../../sandbox/cluster/api/status.js';
import { startCluster, type Cluster, type ClusterOptions } from '../../sandbox/cluster/index.js';

/** Requests to reject; without `method` and `path` all of them. */
interface Rejection {
  /** HTTP code of the Status in the response. */
  code: number;
  /** Number of requests to reject; by default all, until `clear`. */
  times?: number;
  method?: string;
  path?: RegExp;
  /** Sent as `Retry-After`, as API Priority and Fairness does with 429. */
  retryAfterSeconds?: number;
}

export interface FaultyCluster extends Cluster {
  readonly faults: Faults;
}

/** Starts a cluster whose API server can have faults. */
export async function startFaultyCluster(options: ClusterOptions): Promise<FaultyCluster> {
  const cluster = await startCluster(options);
  return { ...cluster, faults: new Faults(cluster.parts) };
}

/** Injects the faults of real API servers, for tests of their clients. */
class Faults {
  #rejections: (Rejection & { left: number })[] = [];
  #expireWatches = 0;

  constructor(private readonly parts: Cluster['parts']) {
    parts.server.intercept = (method, url) => {
      this.#inject(method, url);
    };
  }

  /** Rejects matching requests. */
  reject(rejection: Rejection): void {
    this.#rejections.push({ ...rejection, left: rejection.times ?? Infinity });
  }

  /** Responds to the next watches with 410 Expired, whatever their resourceVersion. */
  expireNextWatch(times = 1): void {
    this.#expireWatches += times;
  }

  /** Ends all open watches with a 410 event and drops the history, as an etcd compaction does. */
  expireWatches(): void {
    this.parts.store.compact();
    this.parts.listWatch.expire();
  }

  /** Resets every connection, as a network fault does. */
  disconnect(): void {
    this.parts.server.disconnect();
  }

  /** Sends a bookmark to every watch that allows them. */
  bookmark(): void {
    this.parts.listWatch.bookmark();
  }

  /** Stops listening and closes every connection until `up`, which uses the same port. Pods continue to run. */
  async down(): Promise<void> {
    await this.parts.server.close();
  }

  async up(): Promise<void> {
    await this.parts.server.listen();
  }

  /** Creates a new token, writes it to token file and kubeconfig, and rejects the old one. */
  rotateToken(): string {
    return this.parts.credentials.rotate(this.parts.server.url);
  }

  /** Ends the faults that `reject` and `expireNextWatch` inject. */
  clear(): void {
    this.#rejections = [];
    this.#expireWatches = 0;
  }

  /** @throws ApiError if a fault applies to this request */
  #inject(method: string, url: URL): void {
    const rejection = this.#rejections.find(
      (one) => one.left > 0 && (one.method ?? method) === method && (one.path?.test(url.pathname) ?? true),
    );
    if (rejection) {
      rejection.left -= 1;
      const { code, retryAfterSeconds } = rejection;
      const details = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
      throw new ApiError(code, `refused on purpose: ${method} ${url.pathname}`, undefined, details);
    }
    if (this.#expireWatches > 0 && url.searchParams.get('watch') === 'true') {
      this.#expireWatches -= 1;
      throw new ApiError(410, 'too old resource version');
    }
  }
}
