import { statSync, watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { errorMessage } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { mayName } from './files.js';
import { formatRuleError, loadRuleFiles } from './load.js';
import type { RuleGroup } from './types.js';

/** Editors, and the symlink swap of a ConfigMap, touch a folder several times for one change. */
const DEBOUNCE_MS = 250;

/** Loads, watches and reloads rule files. Files with errors leave the last good rules in force. */
export class RuleManager {
  #groups: readonly RuleGroup[] = [];
  #errors: readonly string[] = [];
  #watchers: FSWatcher[] = [];
  #debounce: NodeJS.Timeout | undefined;
  #reloading = Promise.resolve(true);
  #listener: (() => void) | undefined;

  /** @param paths as `loadRuleFiles` takes them */
  constructor(
    private readonly paths: readonly string[],
    private readonly log: Logger,
  ) {}

  /** Sets the listener to call after every attempt to load. */
  onLoad(listener: () => void): void {
    this.#listener = listener;
  }

  get groups(): readonly RuleGroup[] {
    return this.#groups;
  }

  get ruleCount(): number {
    return this.#groups.reduce((sum, { rules }) => sum + rules.length, 0);
  }

  /** Errors of the last attempt, as `file:line:column: …`. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  /** Reloads the files, one attempt at a time. Resolves to true if they have no errors. */
  reload(): Promise<boolean> {
    return (this.#reloading = this.#reloading.then(() => this.#load()));
  }

  /** Starts to reload when a rule file changes. */
  watch(): void {
    for (const path of this.paths) {
      try {
        const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : dirname(path);
        const watcher = watch(folder, { persistent: false }, (_event, name) => {
          if (name === null || isRuleFile(path, name)) this.#scheduleReload();
        });
        watcher.on('error', (error) => {
          this.#warnUnwatched(path, error);
        });
        this.#watchers.push(watcher);
      } catch (error) {
        this.#warnUnwatched(path, error);
      }
    }
  }

  #warnUnwatched(path: string, error: unknown): void {
    this.log.warn(
      { path, error: errorMessage(error) },
      'cannot watch this path; reload after changes with POST /-/reload',
    );
  }

  close(): void {
    clearTimeout(this.#debounce);
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  #scheduleReload(): void {
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

/** `..data` is the symlink that a ConfigMap update replaces. */
function isRuleFile(path: string, name: string): boolean {
  return name === '..data' || mayName(path, name);
}
