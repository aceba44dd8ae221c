import { errorMessage } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { ContainerIdentity, PodIdentity } from '../identity/pods.js';
import type { CgroupKey, Source } from '../identity/source.js';
import type { EngineContainer } from './engine.js';
import { parseHostPath, type HostCgroup } from './path.js';
import { unitIdentity } from './unit.js';

/** Where the engines listen for Docker's API. */
export interface EngineSockets {
  readonly docker: string;
  readonly podman: string;
}

interface Entry {
  readonly cgroup: HostCgroup;
  identity: ContainerIdentity | undefined;
  /** When its engine is to be asked for its name, in ms since 1970; undefined: not at all. */
  askAt: number | undefined;
}

/** An engine that was just installed, or is being restarted, is asked again. */
const ASK_AGAIN_MS = 30_000;

/** Names systemd units by their cgroups' paths, and containers by what their engine says. */
export class HostSource implements Source {
  readonly hasSynced = true;
  readonly restarts = 0;
  readonly parse = parseHostPath;
  readonly #entries = new Map<string, Entry>();
  #identities: ReadonlyMap<string, PodIdentity> = new Map();
  #changed = false;

  constructor(
    private readonly sockets: EngineSockets,
    private readonly log: Logger,
  ) {}

  identities(cgroups: ReadonlyMap<bigint, CgroupKey>): ReadonlyMap<string, PodIdentity> {
    const found = new Set([...cgroups.values()].map(({ podUid }) => podUid));
    for (const key of this.#entries.keys()) {
      if (!found.has(key) && this.#entries.delete(key)) this.#changed = true;
    }
    for (const key of found) {
      if (!this.#entries.has(key)) this.#add(key);
    }
    this.#ask();
    if (this.#changed) {
      this.#changed = false;
      this.#identities = new Map([...this.#entries].map(([key, entry]) => [key, podOf(entry)]));
    }
    return this.#identities;
  }

  stop(): void {
    this.#entries.clear();
  }

  #add(key: string): void {
    const cgroup = parseHostPath(key)!;
    const unit = cgroup.engine === undefined;
    this.#entries.set(key, {
      cgroup,
      identity: unit ? unitIdentity(key) : undefined,
      askAt: unit ? undefined : 0,
    });
    this.#changed = true;
  }

  #ask(): void {
    const now = Date.now();
    for (const entry of this.#entries.values()) {
      if (entry.askAt === undefined || entry.askAt > now) continue;
      entry.askAt = now + ASK_AGAIN_MS;
      void this.#name(entry);
    }
  }

  /** An engine that does not answer leaves its container the name that everybody gives it then: its short id. */
  async #name(entry: Entry): Promise<void> {
    const { engine, containerId } = entry.cgroup;
    if (engine === undefined) return;
    if (engine === 'other') {
      entry.identity = containerIdentity(entry.cgroup, undefined);
      entry.askAt = undefined;
    } else {
      try {
        // What checks an engine's answer takes 13 MB: it is loaded only where there is a container to ask for.
        const { inspectContainer } = await import('./engine.js');
        entry.identity = containerIdentity(
          entry.cgroup,
          await inspectContainer(this.sockets[engine], containerId),
        );
        entry.askAt = undefined;
      } catch (error) {
        if (!entry.identity) this.log.warn({ error: errorMessage(error) }, 'container without a name');
        entry.identity ??= containerIdentity(entry.cgroup, undefined);
      }
    }
    this.#changed = true;
  }
}

function podOf({ cgroup, identity }: Entry): PodIdentity {
  const containers = new Map(identity ? [[cgroup.containerId, identity]] : []);
  return { namespace: identity?.namespace ?? '', containers };
}

/** Containers that Compose made are known by their project and service; all replicas of it are one workload. */
function containerIdentity(
  { engine = 'other', containerId }: HostCgroup,
  known: EngineContainer | undefined,
): ContainerIdentity {
  const name = known?.name ?? containerId.slice(0, 12);
  const service = known?.labels['com.docker.compose.service'] ?? name;
  return {
    namespace: known?.labels['com.docker.compose.project'] ?? (engine === 'other' ? 'containers' : engine),
    pod: name,
    container: service,
    workload: service,
    workloadKind: 'Container',
    image: known?.image ?? '',
    containerId: `${engine}://${containerId}`,
    cpuRequest: undefined,
    cpuLimit: known?.cpuLimit,
  };
}
