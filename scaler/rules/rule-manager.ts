import { statSync, watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { errorMessage } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { standsFor } from './files.js';
import { formatRuleError, loadRuleFiles } from './load.js';
import type { RuleGroup } from './types.js';

/** An editor and a ConfigMap's symlink swap touch a folder several times for one change. */
const DEBOUNCE_MS = 250;

/** The rules in force: read at start, read again on demand and when a file changes, replaced as a whole or not at all. */
export class RuleManager {
  #groups: readonly RuleGroup[] = [];
  #errors: readonly string[] = [];
  #watchers: FSWatcher[] = [];
  #debounce: NodeJS.Timeout | undefined;
  #reloading = Promise.resolve(true);

  #listener: (() => void) | undefined;

  /** @param paths what `loadRuleFiles` takes */
  constructor(
    private readonly paths: readonly string[],
    private readonly log: Logger,
  ) {}

  /** Calls `listener` after every attempt from now on. */
  onLoad(listener: () => void): void {
    this.#listener = listener;
  }

  get groups(): readonly RuleGroup[] {
    return this.#groups;
  }

  get ruleCount(): number {
    return this.#groups.reduce((sum, { rules }) => sum + rules.length, 0);
  }

  /** What was wrong when the files were last read, as `file:line:column: …`. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  /** Reads the files again, one attempt after the other; answers whether they were good. */
  reload(): Promise<boolean> {
    return (this.#reloading = this.#reloading.then(() => this.#load()));
  }

  /** Reloads whenever something changes in the folders of the files. */
  watch(): void {
    for (const path of this.paths) {
      try {
        const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : dirname(path);
        const watcher = watch(folder, { persistent: false }, (_event, name) => {
          if (name === null || concerns(path, name)) this.#changed();
        });
        watcher.on('error', (error) => {
          this.#unwatched(path, error);
        });
        this.#watchers.push(watcher);
      } catch (error) {
        this.#unwatched(path, error);
      }
    }
  }

  #unwatched(path: string, error: unknown): void {
    this.log.warn({ path, error: errorMessage(error) }, 'changes of this file will not be noticed');
  }

  close(): void {
    clearTimeout(this.#debounce);
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  #changed(): void {
    clearTimeout(this.#debounce);
    this.#debounce = setTimeout(() => void this.reload(), DEBOUNCE_MS);
  }

  async #load(): Promise<boolean> {
    const { groups, errors } = await loadRuleFiles(this.paths);
    this.#errors = errors.map(formatRuleError);
    if (errors.length === 0) this.#groups = groups;
    this.#listener?.();
    return errors.length === 0;
  }
}

/** Whether a file in a watched folder can be a rule file; `..data` is the link by which a ConfigMap is swapped. */
function concerns(path: string, name: string): boolean {
  return name === '..data' || standsFor(path, name);
}
