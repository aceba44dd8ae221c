import type { ListWatch } from './list-watch.js';
import { ApiError } from './status.js';
import type { Store } from '../store.js';

/** Which requests to refuse, and how. Everything matches unless narrowed. */
export interface Rejection {
  /** The HTTP code of the Status that is answered. */
  code: number;
  /** How many requests to refuse; all of them, until `clear`, when left out. */
  times?: number;
  method?: string;
  path?: RegExp;
  /** Sent as `Retry-After`, as API priority and fairness does with 429. */
  retryAfterSeconds?: number;
}

/** What the faults need to reach of the server. */
interface Controls {
  store: Store;
  listWatch: ListWatch;
  disconnect(): void;
  stopListening(): Promise<void>;
  listenAgain(): Promise<void>;
  rotateToken(): string;
}

/** Makes the API server misbehave in the ways real ones do, for tests of its clients. */
export class Faults {
  #rejections: (Rejection & { left: number })[] = [];
  #expireWatches = 0;
  readonly #controls: Controls;

  constructor(controls: Controls) {
    this.#controls = controls;
  }

  /** Refuses matching requests. */
  reject(rejection: Rejection): void {
    this.#rejections.push({ ...rejection, left: rejection.times ?? Infinity });
  }

  /** Answers the next watches with 410 Expired, whatever their resourceVersion. */
  expireNextWatch(times = 1): void {
    this.#expireWatches += times;
  }

  /** Ends all open watches with a 410 event and forgets the history, as after an etcd compaction. */
  expireWatches(): void {
    this.#controls.store.compact();
    this.#controls.listWatch.expire();
  }

  /** Cuts every connection without a word, as a network does. */
  disconnect(): void {
    this.#controls.disconnect();
  }

  /** Sends a bookmark to every watch that allows them. */
  bookmark(): void {
    this.#controls.listWatch.bookmark();
  }

  /** Stops listening and cuts every connection; `up` listens on the same port again. Pods run on. */
  async down(): Promise<void> {
    await this.#controls.stopListening();
  }

  async up(): Promise<void> {
    await this.#controls.listenAgain();
  }

  /** Makes a new token, writes it to the token file and the kubeconfig, and refuses the old one from now on. */
  rotateToken(): string {
    return this.#controls.rotateToken();
  }

  /** Ends the faults that `reject` and `expireNextWatch` began. */
  clear(): void {
    this.#rejections = [];
    this.#expireWatches = 0;
  }

  /** @throws ApiError when a fault strikes this request */
  strike(method: string, url: URL): void {
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
