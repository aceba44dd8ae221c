import { readdirSync, statSync, watch, type FSWatcher } from 'node:fs';
import { errorCode, errorMessage } from '../common/errors.js';
import type { Logger } from '../common/log.js';
import type { CgroupKey, Source } from './source.js';

interface Child {
  readonly inode: bigint;
  /** Undefined for a container: whatever it contains is part of it. */
  readonly directory: Directory | undefined;
}

interface Directory {
  readonly path: string;
  readonly watcher: FSWatcher | undefined;
  readonly children: Map<string, Child>;
}

/** A burst of events, as when the containers of a pod start, is looked at once. */
const SETTLE_MS = 20;
const RESCAN_MS = 10_000;
const RESCAN_UNWATCHED_MS = 1000;

/**
 * Knows the cgroups below a cgroup2 mount that are measured one by one. inotify reports cgroups being made and removed;
 * a full scan now and then repairs what was missed, and replaces inotify where its limits are hit.
 */
export class CgroupTree {
  /** Containers and pods, by the inode of the cgroup's directory, which is the kernel's cgroup id. */
  readonly containers = new Map<bigint, CgroupKey>();
  readonly #root: Directory;
  readonly #dirty = new Set<Directory>();
  #changed = false;
  #watchable = true;
  #settle: NodeJS.Timeout | undefined;
  #rescan: NodeJS.Timeout | undefined;

  constructor(
    private readonly mountPoint: string,
    private readonly parse: Source['parse'],
    private readonly log: Logger,
    private readonly onChange: () => void,
  ) {
    this.#root = this.#open(mountPoint);
    this.#changed = false;
    this.#scheduleRescan();
  }

  close(): void {
    clearTimeout(this.#settle);
    clearTimeout(this.#rescan);
    this.#closeDirectory(this.#root);
  }

  #open(path: string): Directory {
    const directory: Directory = { path, watcher: this.#watch(path), children: new Map() };
    directory.watcher?.on('change', (event) => {
      if (event === 'rename') this.#touch(directory);
    });
    try {
      this.#scan(directory);
    } catch (error) {
      this.#closeDirectory(directory);
      throw error;
    }
    return directory;
  }

  #watch(path: string): FSWatcher | undefined {
    if (!this.#watchable) return undefined;
    try {
      const watcher = watch(path, { persistent: false });
      watcher.on('error', () => {
        watcher.close();
      });
      return watcher;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      this.#watchable = false;
      const detail = { error: errorMessage(error) };
      this.log.warn(detail, 'cannot watch cgroups with inotify, scanning every second instead');
      return undefined;
    }
  }

  #touch(directory: Directory): void {
    this.#dirty.add(directory);
    this.#settle ??= setTimeout(() => {
      this.#settle = undefined;
      this.#follow(() => {
        for (const dirty of this.#dirty) this.#scan(dirty);
      });
      this.#dirty.clear();
    }, SETTLE_MS);
  }

  #scheduleRescan(): void {
    this.#rescan = setTimeout(
      () => {
        this.#follow(() => {
          this.#scanAll(this.#root);
        });
        this.#scheduleRescan();
      },
      this.#watchable ? RESCAN_MS : RESCAN_UNWATCHED_MS,
    );
  }

  /** Scans; what cannot be read now (too many open files, say) is read by the next full scan. */
  #follow(scan: () => void): void {
    try {
      scan();
    } catch (error) {
      this.log.warn({ error: errorMessage(error) }, 'cannot scan cgroups');
    }
    if (!this.#changed) return;
    this.#changed = false;
    this.onChange();
  }

  #scanAll(directory: Directory): void {
    this.#scan(directory);
    for (const child of directory.children.values()) {
      if (child.directory) this.#scanAll(child.directory);
    }
  }

  #scan({ path, children }: Directory): void {
    const inodes = subdirectories(path);
    for (const [name, child] of children) {
      if (inodes.get(name) === child.inode) continue;
      children.delete(name);
      this.#leave(child);
    }
    for (const [name, inode] of inodes) {
      if (!children.has(name)) children.set(name, this.#enter(`${path}/${name}`, inode));
    }
  }

  #enter(path: string, inode: bigint): Child {
    const key = this.parse(path.slice(this.mountPoint.length));
    if (key) {
      this.containers.set(inode, key);
      this.#changed = true;
    }
    return { inode, directory: key && !key.isPod ? undefined : this.#open(path) };
  }

  #leave({ inode, directory }: Child): void {
    if (directory) this.#closeDirectory(directory);
    if (this.containers.delete(inode)) this.#changed = true;
  }

  #closeDirectory(directory: Directory): void {
    directory.watcher?.close();
    this.#dirty.delete(directory);
    for (const child of directory.children.values()) this.#leave(child);
  }
}

/** The inodes of a cgroup's children by name; none when it has gone meanwhile. */
function subdirectories(path: string): Map<string, bigint> {
  const inodes = new Map<string, bigint>();
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const stats = statSync(`${path}/${entry.name}`, { bigint: true, throwIfNoEntry: false });
      if (stats) inodes.set(entry.name, stats.ino);
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENODEV') throw error;
  }
  return inodes;
}
