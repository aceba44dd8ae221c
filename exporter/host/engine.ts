import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import { KernscaleError } from '../../common/errors.js';

/** What a container engine knows of a container. */
export interface EngineContainer {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Cores; undefined when it may use all. */
  readonly cpuLimit: number | undefined;
}

const TIMEOUT_MS = 5000;

const ANSWER = z.object({
  Name: z.string(),
  Config: z.object({ Image: z.string(), Labels: z.record(z.string(), z.string()).nullish() }),
  HostConfig: z.object({ NanoCpus: z.number(), CpuQuota: z.number(), CpuPeriod: z.number() }).partial(),
});

/**
 * Asks an engine that speaks Docker's API (podman does too) for one container.
 *
 * @param socketPath the engine's unix socket
 * @throws KernscaleError `ENGINE_FAILED` when it does not answer within 5 s, does not know the container, or
 *   answers something else
 */
export async function inspectContainer(socketPath: string, containerId: string): Promise<EngineContainer> {
  try {
    return parseContainer(await get(socketPath, `/containers/${containerId}/json`));
  } catch (cause) {
    const what = `cannot learn the name of the container ${containerId} from ${socketPath}`;
    throw new KernscaleError('ENGINE_FAILED', what, { cause });
  }
}

function parseContainer(answer: unknown): EngineContainer {
  const { Name, Config, HostConfig } = ANSWER.parse(answer);
  return {
    name: Name.replace(/^\//, ''),
    image: Config.Image,
    labels: Config.Labels ?? {},
    cpuLimit: coresOf(HostConfig),
  };
}

/** `--cpus` is kept in billionths; `--cpu-quota` in microseconds per period, whose default is 100 ms. */
function coresOf({ NanoCpus = 0, CpuQuota = 0, CpuPeriod = 0 }: z.infer<typeof ANSWER>['HostConfig']) {
  if (NanoCpus > 0) return NanoCpus / 1e9;
  return CpuQuota > 0 ? CpuQuota / (CpuPeriod || 100_000) : undefined;
}

function get(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, timeout: TIMEOUT_MS, agent: false }, (response) => {
      if (response.statusCode === 200) {
        json(response).then(resolve, reject);
        return;
      }
      response.resume();
      reject(new Error(`status ${String(response.statusCode)}`));
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${String(TIMEOUT_MS / 1000)} s`)));
    asked.on('error', reject);
    asked.end();
  });
}
