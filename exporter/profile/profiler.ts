import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { StackSample, StackSampler } from 'bpf-linker-napi';
import { KernscaleError } from '../../common/errors.js';
import type { Profile } from './profile.js';
import { ModuleTable, named, Recorder, type Recording } from './recording.js';

export const PROFILE_FORMATS = ['pprof', 'folded'] as const;
export type ProfileFormat = (typeof PROFILE_FORMATS)[number];

/** Input of the worker that names frames and writes the profile. */
export interface WorkerInput extends Omit<Profile, 'symbols'> {
  readonly recording: Recording;
  /** Names of the kernel's frames, by index. */
  readonly kernelNames: ReadonlyMap<number, string>;
  readonly format: ProfileFormat;
  readonly procfs: string;
  /** Processes that were sampled. */
  readonly pids: readonly number[];
}

/** Returns the names of the containers to profile by cgroup id, as of now. */
export type Target = () => ReadonlyMap<bigint, string>;

export interface ProfilerOptions {
  readonly sampler: StackSampler;
  /** True if CAP_SYS_PTRACE was kept, which reading files of containers takes. */
  readonly readsFiles: boolean;
  readonly procfs: string;
}

/** Interval of reading the sampler's buffer, which holds a third of a second. */
const TAKE_MS = 100;
/** Interval of reading mappings. A process that lives shorter may end before its modules are known. */
const MAPPINGS_MS = 250;
const FINISH_MS = 30_000;
const MAX_HEAP_MB = 512;

/** Takes profiles, one at a time. Costs nothing while idle. */
export class Profiler {
  #freeAt: number | undefined;

  constructor(private readonly options: ProfilerOptions) {}

  /** Seconds until the next profile can start; 0: now. */
  get busySeconds(): number {
    return this.#freeAt === undefined ? 0 : Math.max(1, Math.ceil((this.#freeAt - Date.now()) / 1000));
  }

  /**
   * Samples the target for the requested time. A profile in pprof's format is compressed.
   *
   * @param signal aborts the profile
   * @throws KernscaleError `PROFILE_BUSY`, `PROFILE_FAILED`; AbortError
   */
  async profile(
    target: Target,
    { seconds, format }: { readonly seconds: number; readonly format: ProfileFormat },
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    if (this.#freeAt !== undefined) {
      throw new KernscaleError('PROFILE_BUSY', 'another profile is being taken; retry when it has ended');
    }
    const startedAt = Date.now();
    this.#freeAt = startedAt + seconds * 1000;
    try {
      const recorded = await this.#record(target, seconds, signal);
      const { frames, stacks, dropped } = recorded.recording;
      const recording = { frames, stacks, dropped };
      return await finish({
        recording,
        kernelNames: this.#kernelNames(recording),
        hz: this.options.sampler.hz,
        startedAt,
        seconds,
        notes: this.#notes(recorded),
        format,
        procfs: this.options.procfs,
        pids: recorded.pids,
      });
    } finally {
      this.#freeAt = undefined;
    }
  }

  async #record(target: Target, seconds: number, signal: AbortSignal): Promise<Recorded> {
    const { sampler } = this.options;
    const recorder = new Recorder();
    const modules = new ModuleTable();
    let containers = target();
    const run = new Run(sampler, [...containers.keys()]);
    try {
      const end = performance.now() + seconds * 1000;
      for (let left = seconds * 1000; left > 0; left = end - performance.now()) {
        await sleep(Math.min(MAPPINGS_MS, left), undefined, { signal });
        const samples = run.drain();
        modules.update(await sampler.mappings());
        recorder.add(samples, modules, containers);
        containers = target();
        run.follow([...containers.keys()]);
      }
    } finally {
      run.stop();
    }
    return { recording: recorder, pids: modules.pids, lost: run.lost };
  }

  #kernelNames({ frames }: Recording): ReadonlyMap<number, string> {
    const wanted = frames.flatMap(({ inKernel, address }, index) =>
      inKernel ? [[index, address] as const] : [],
    );
    const names = this.options.sampler.kernelNames(wanted.map(([, address]) => address));
    return new Map(named(wanted, names));
  }

  #notes({ recording: { dropped }, lost }: Recorded): string[] {
    const notes = this.options.sampler.programs
      .filter(({ attached }) => !attached)
      .map(({ program, detail }) => `BPF program ${program}: ${detail}`);
    if (lost > 0) notes.push(`${lost} samples were lost because the buffer was full`);
    if (dropped > 0)
      notes.push(`${dropped} samples were dropped because there were too many different stacks`);
    if (!this.options.readsFiles) notes.push('no symbols of programs: the exporter has no CAP_SYS_PTRACE');
    return notes;
  }
}

interface Recorded {
  readonly recording: Recording;
  readonly pids: readonly number[];
  /** Samples that found the buffer full. */
  readonly lost: number;
}

/** One run of the sampler. */
class Run {
  readonly #timer: NodeJS.Timeout;
  readonly #lostBefore: number;
  #samples: StackSample[] = [];
  #failure: unknown;
  #selected: string;

  constructor(
    private readonly sampler: StackSampler,
    cgroupIds: readonly bigint[],
  ) {
    this.#lostBefore = sampler.counts().lost;
    this.#selected = cgroupIds.join();
    sampler.start(cgroupIds);
    this.#timer = setInterval(() => {
      this.#take();
    }, TAKE_MS);
  }

  get lost(): number {
    return this.sampler.counts().lost - this.#lostBefore;
  }

  /** Returns the samples since the last call. */
  drain(): readonly StackSample[] {
    this.#take();
    if (this.#failure !== undefined) throw this.#failure as Error;
    const samples = this.#samples;
    this.#samples = [];
    return samples;
  }

  /** Continues with other cgroups: containers come and go. */
  follow(cgroupIds: readonly bigint[]): void {
    if (cgroupIds.join() === this.#selected) return;
    this.#selected = cgroupIds.join();
    this.sampler.select(cgroupIds);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.sampler.stop();
  }

  #take(): void {
    try {
      this.#samples.push(...this.sampler.take());
    } catch (error) {
      this.#failure = error;
    }
  }
}

/** Names frames and writes the profile in a worker. */
async function finish(input: WorkerInput): Promise<Uint8Array> {
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: input,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    // The addon opens files that are closed here; Node.js would warn about them.
    trackUnmanagedFds: false,
  });
  try {
    const [profile] = (await once(worker, 'message', { signal: AbortSignal.timeout(FINISH_MS) })) as [
      Uint8Array,
    ];
    return profile;
  } catch (cause) {
    throw new KernscaleError('PROFILE_FAILED', 'cannot write the profile', { cause });
  } finally {
    void worker.terminate();
  }
}
