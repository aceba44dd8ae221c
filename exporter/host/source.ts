import { errorMessage } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { CgroupKey } from '../cgroups/path.js';
import type { ContainerIdentity, PodIdentity, Source } from '../identity/source.js';
import type { EngineContainer } from './engine.js';
import { parseHostPath, unitIdentity, type HostCgroup } from './path.js';

/** Unix sockets of the engines that serve Docker's API. */
export interface EngineSockets {
  readonly docker: string;
  readonly podman: string;
}

interface Entry {
  readonly cgroup: HostCgroup;
  identity: ContainerIdentity | undefined;
  /** Socket of the engine to query for the name; undefined once the name is known. */
  socket: string | undefined;
  /** Time of the next query, in ms since 1970. */
  inspectAt: number;
}

/** Delay before a failed request is retried: an engine may be restarting. */
const RETRY_MS = 30_000;

/** Names systemd units by their cgroups' paths, and containers as their engine does. */
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
    this.#inspectDue();
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
    const { engine } = cgroup;
    const entry: Entry = { cgroup, identity: undefined, socket: undefined, inspectAt: 0 };
    if (engine === undefined) entry.identity = unitIdentity(key);
    else if (engine === 'other') entry.identity = containerIdentity(cgroup);
    else entry.socket = this.sockets[engine];
    this.#entries.set(key, entry);
    this.#changed = true;
  }

  #inspectDue(): void {
    const now = Date.now();
    for (const entry of this.#entries.values()) {
      if (entry.socket === undefined || entry.inspectAt > now) continue;
      entry.inspectAt = now + RETRY_MS;
      void this.#inspect(entry, entry.socket);
    }
  }

  /** Falls back to the container's short id if its engine does not respond. */
  async #inspect(entry: Entry, socket: string): Promise<void> {
    const { cgroup } = entry;
    try {
      // Validating the response takes 13 MB, so the module is loaded only where there is a container to inspect.
      const { inspectContainer } = await import('./engine.js');
      entry.identity = containerIdentity(cgroup, await inspectContainer(socket, cgroup.containerId));
      entry.socket = undefined;
    } catch (error) {
      if (!entry.identity) {
        this.log.warn({ error: errorMessage(error) }, 'cannot inspect a container; its short id is its name');
      }
      entry.identity ??= containerIdentity(cgroup);
    }
    this.#changed = true;
  }
}

function podOf({ cgroup, identity }: Entry): PodIdentity {
  const containers = new Map(identity ? [[cgroup.containerId, identity]] : []);
  return { namespace: identity?.namespace ?? '', containers };
}

/** Names a container of Compose by its project and service; all replicas of a service are one workload. */
function containerIdentity(
  { engine = 'other', containerId }: HostCgroup,
  known?: EngineContainer,
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
