import { setTimeout as sleep } from 'node:timers/promises';
import { CustomObjectsApi, type KubeConfig } from '@kubernetes/client-node';
import { untilAborted } from '../../common/deadline.js';
import { errorMessage } from '../../common/errors.js';
import { Fields } from '../../common/fields.js';
import type { Logger } from '../../common/log.js';
import { monotonic } from '../../common/monotonic.js';
import { apiConfiguration, apiError } from './client.js';

/** Seconds, as in client-go's leader election. */
export interface ElectionTimes {
  /** Others may take over a lease that is not renewed for this long. */
  readonly leaseDuration: number;
  /** A leader that cannot renew for this long stands down, before others may take over. */
  readonly renewDeadline: number;
  readonly retryPeriod: number;
}

const CLIENT_GO_TIMES: ElectionTimes = { leaseDuration: 15, renewDeadline: 10, retryPeriod: 2 };
/** Without a lease for this many renew deadlines, a minute by default, the scaler is not ready. */
const UNREADY_DEADLINES = 6;
/** client-go's JitterFactor: attempts are delayed by up to this share of the period. */
const JITTER = 0.2;

interface ElectionOptions {
  readonly config: KubeConfig;
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process. */
  readonly identity: string;
  readonly log: Logger;
  /** Aborts running requests, including the release of the lease. */
  readonly abort: AbortSignal;
  readonly times?: ElectionTimes;
}

/** What is read of a Lease. */
interface Lease {
  readonly resourceVersion: string;
  readonly spec: LeaseSpec;
}

interface LeaseSpec {
  readonly holderIdentity: string;
  readonly leaseDurationSeconds?: number | undefined;
  readonly acquireTime?: string | undefined;
  readonly renewTime?: string | undefined;
  readonly leaseTransitions: number;
}

/**
 * Elects one leader among the replicas of the scaler through a Lease, as client-go does: it trusts only the local
 * monotonic clock, and a lease expires relative to the time its last change is observed, not to the times written in it.
 *
 * A Lease does not fence: a stalled leader may resume after another one has taken over. Writes are therefore bound to
 * the resourceVersion that was read (see `ScaleClient.set`).
 */
export class LeaderElection {
  readonly #options: ElectionOptions;
  readonly #times: ElectionTimes;
  readonly #api: CustomObjectsApi;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  /** Start of the last successful renewal. */
  #renewedAt: number | undefined;
  #seen: { version: string; at: number } | undefined;
  #state = '';
  /** Time at which the lease was last read or renewed, or the election began. */
  #heardAt = monotonic();

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#times = options.times ?? CLIENT_GO_TIMES;
    const timeout = this.#times.renewDeadline / 2;
    this.#api = new CustomObjectsApi(apiConfiguration(options.config, options.abort, timeout));
  }

  get leads(): boolean {
    return this.#renewedAt !== undefined && monotonic() - this.#renewedAt < this.#times.renewDeadline;
  }

  /** A sentence, if it is not known who leads: nobody scales then. */
  problem(): string | undefined {
    const since = this.#silence();
    if (since < this.#times.renewDeadline) return undefined;
    const { namespace, name } = this.#options;
    const reason = this.#state === '' ? '' : `, last: ${this.#state}`;
    return `The lease ${namespace}/${name} has not been read for ${Math.round(since)} s, so no replicas are changed${reason}.`;
  }

  /** The problem, once it lasts too long. */
  unready(): string | undefined {
    return this.#silence() < UNREADY_DEADLINES * this.#times.renewDeadline ? undefined : this.problem();
  }

  #silence(): number {
    return monotonic() - this.#heardAt;
  }

  start(): void {
    this.#heardAt = monotonic();
    this.#running = this.#run();
  }

  /** Ends the election and releases the lease, so that another replica can lead at once. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    if (!this.leads) return;
    this.#renewedAt = undefined;
    await this.#release().catch((error: unknown) => {
      this.#options.log.debug({ error: errorMessage(error) }, 'cannot release the lease');
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const begun = monotonic();
      try {
        const deadline = AbortSignal.timeout(2 * this.#times.renewDeadline * 1000);
        const holder = await untilAborted(deadline, this.#acquireOrRenew());
        this.#heardAt = monotonic();
        this.#renewedAt = holder === this.#options.identity ? begun : undefined;
        this.#report(this.leads ? 'leading' : `standing by, ${holder} leads`);
      } catch (error) {
        this.#report(errorMessage(error));
      }
      const pause = this.#times.retryPeriod * (1 + Math.random() * JITTER);
      await sleep(pause * 1000, undefined, { signal }).catch(() => undefined);
    }
  }

  /** @returns the identity of the current leader */
  async #acquireOrRenew(): Promise<string> {
    const { identity } = this.#options;
    const lease = await this.#read();
    const now = new Date().toISOString().replace('Z', '000Z');
    const mine = {
      holderIdentity: identity,
      leaseDurationSeconds: this.#times.leaseDuration,
      renewTime: now,
    };
    if (!lease) {
      return this.#write(undefined, { ...mine, acquireTime: now, leaseTransitions: 0 });
    }
    const { holderIdentity: holder, acquireTime, leaseTransitions } = lease.spec;
    if (holder && holder !== identity && !this.#hasExpired(lease)) return holder;
    const renewed = holder === identity && acquireTime !== undefined;
    return this.#write(lease.resourceVersion, {
      ...mine,
      acquireTime: renewed ? acquireTime : now,
      leaseTransitions: renewed ? leaseTransitions : leaseTransitions + 1,
    });
  }

  #hasExpired({ resourceVersion: version, spec }: Lease): boolean {
    if (this.#seen?.version !== version) this.#seen = { version, at: monotonic() };
    return monotonic() - this.#seen.at > (spec.leaseDurationSeconds ?? this.#times.leaseDuration);
  }

  async #read(): Promise<Lease | undefined> {
    try {
      return readLease(await this.#api.getNamespacedCustomObject(this.#lease()));
    } catch (error) {
      const typed = apiError('cannot read the lease', error);
      if (typed.code === 'API_NOT_FOUND') return undefined;
      throw typed;
    }
  }

  /** @returns the identity of this process, or `another replica` on a conflict */
  async #write(resourceVersion: string | undefined, spec: LeaseSpec): Promise<string> {
    const { namespace, name, identity } = this.#options;
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...(resourceVersion !== undefined && { resourceVersion }), namespace, name },
      spec,
    };
    try {
      if (resourceVersion !== undefined) {
        await this.#api.replaceNamespacedCustomObject({ ...this.#lease(), body });
      } else {
        await this.#api.createNamespacedCustomObject({ ...this.#lease(), body });
      }
      return identity;
    } catch (error) {
      const typed = apiError('cannot write the lease', error);
      if (typed.code === 'API_CONFLICT') return 'another replica';
      throw typed;
    }
  }

  async #release(): Promise<void> {
    const lease = await this.#read();
    if (lease?.spec.holderIdentity !== this.#options.identity) return;
    await this.#write(lease.resourceVersion, { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 });
  }

  #lease() {
    const { namespace, name } = this.#options;
    return { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', namespace, name };
  }

  #report(state: string): void {
    if (state !== this.#state) this.#options.log.info({ lease: this.#options.name }, state);
    this.#state = state;
  }
}

/** @throws KernscaleError `OBJECT_UNREADABLE` if it has no version, which a write must be bound to */
function readLease(response: unknown): Lease {
  const lease = Fields.of(response);
  const spec = lease.fields('spec');
  return {
    resourceVersion: lease.fields('metadata').required('resourceVersion'),
    spec: {
      holderIdentity: spec.string('holderIdentity') ?? '',
      leaseDurationSeconds: spec.count('leaseDurationSeconds'),
      acquireTime: spec.string('acquireTime'),
      renewTime: spec.string('renewTime'),
      leaseTransitions: spec.count('leaseTransitions') ?? 0,
    },
  };
}
