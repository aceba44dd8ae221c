import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import { KernscaleError } from '../../common/errors.js';

/** A container as its engine describes it. */
export interface EngineContainer {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Cores; undefined without a limit. */
  readonly cpuLimit: number | undefined;
}

const TIMEOUT_MS = 5000;

const RESPONSE = z.object({
  Name: z.string(),
  Config: z.object({ Image: z.string(), Labels: z.record(z.string(), z.string()).nullish() }),
  HostConfig: z.object({ NanoCpus: z.number(), CpuQuota: z.number(), CpuPeriod: z.number() }).partial(),
});

/**
 * Queries one container from an engine that serves Docker's API, as podman does too.
 *
 * @param socketPath the engine's unix socket
 * @throws KernscaleError `ENGINE_FAILED` when the engine does not respond within 5 s, does not know the container, or
 *   responds in another format
 */
export async function inspectContainer(socketPath: string, containerId: string): Promise<EngineContainer> {
  try {
    return parseContainer(await get(socketPath, `/containers/${containerId}/json`));
  } catch (cause) {
    const message = `cannot inspect container ${containerId} at ${socketPath}`;
    throw new KernscaleError('ENGINE_FAILED', message, { cause });
  }
}

function parseContainer(response: unknown): EngineContainer {
  const { Name, Config, HostConfig } = RESPONSE.parse(response);
  return {
    name: Name.replace(/^\//, ''),
    image: Config.Image,
    labels: Config.Labels ?? {},
    cpuLimit: coresOf(HostConfig),
  };
}

/** `--cpus` is stored in billionths of a core, `--cpu-quota` in microseconds per period, whose default is 100 ms. */
function coresOf({ NanoCpus = 0, CpuQuota = 0, CpuPeriod = 0 }: z.infer<typeof RESPONSE>['HostConfig']) {
  if (NanoCpus > 0) return NanoCpus / 1e9;
  return CpuQuota > 0 ? CpuQuota / (CpuPeriod || 100_000) : undefined;
}

function get(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, timeout: TIMEOUT_MS, agent: false }, (response) => {
      if (response.statusCode === 200) {
        json(response).then(resolve, reject);
        return;
      }
      response.resume();
      reject(new Error(`status ${String(response.statusCode)}`));
    });
    sent.on('timeout', () => sent.destroy(new Error(`no response within ${String(TIMEOUT_MS / 1000)} s`)));
    sent.on('error', reject);
    sent.end();
  });
}
