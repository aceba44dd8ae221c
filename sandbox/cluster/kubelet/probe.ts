import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../../common/errors.js';
import type { Container, Probe } from '../objects/pod.js';

/** Whether a check passed, and what to tell when it did not. */
export interface ProbeResult {
  ok: boolean;
  message: string;
}

export interface ProbeTarget {
  container: Container;
  address: string;
  /** Runs a command in the container's cgroups, for exec probes. */
  execute(command: readonly string[], timeoutSeconds: number): Promise<ProbeResult>;
}

/**
 * Checks again and again until aborted. `onChange` hears of every change of verdict after the thresholds, and
 * `onFailure` of every single failure.
 */
export async function runProbe(
  probe: Probe,
  target: ProbeTarget,
  listeners: { onChange(ok: boolean): void; onFailure(message: string): void },
  signal: AbortSignal,
): Promise<void> {
  const pause = (seconds = 0): Promise<boolean> =>
    sleep(seconds * 1000, true, { signal, ref: false }).catch(() => false);
  let successes = 0;
  let failures = 0;
  let verdict: boolean | undefined;
  for (let live = await pause(probe.initialDelaySeconds); live; live = await pause(probe.periodSeconds)) {
    const result = await check(probe, target);
    if (signal.aborted) return;
    if (!result.ok) listeners.onFailure(result.message);
    successes = result.ok ? successes + 1 : 0;
    failures = result.ok ? 0 : failures + 1;
    const decided = result.ok ? successes >= probe.successThreshold : failures >= probe.failureThreshold;
    if (!decided || result.ok === verdict) continue;
    verdict = result.ok;
    listeners.onChange(verdict);
  }
}

async function check(probe: Probe, target: ProbeTarget): Promise<ProbeResult> {
  const timeout = probe.timeoutSeconds * 1000;
  try {
    if (probe.httpGet) return await checkHttp(probe.httpGet, target, timeout);
    if (probe.tcpSocket)
      return await checkTcp(portOf(target.container, probe.tcpSocket.port), target.address, timeout);
    return await target.execute(probe.exec!.command, probe.timeoutSeconds);
  } catch (error) {
    return { ok: false, message: errorMessage(error) };
  }
}

/** Any status from 200 to 399 is success, as for the kubelet. */
function checkHttp(
  { path, port, scheme }: NonNullable<Probe['httpGet']>,
  { container, address }: ProbeTarget,
  timeout: number,
): Promise<ProbeResult> {
  const options = {
    host: address,
    port: portOf(container, port),
    path,
    agent: false,
    rejectUnauthorized: false,
    headers: { 'user-agent': 'kube-probe/1.36', connection: 'close' },
    signal: AbortSignal.timeout(timeout),
  };
  return new Promise((resolve, reject) => {
    const request = (scheme === 'HTTPS' ? httpsRequest : httpRequest)(options, (response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      resolve({ ok: status >= 200 && status < 400, message: `HTTP probe failed with statuscode: ${status}` });
    });
    request.on('error', reject).end();
  });
}

function checkTcp(port: number, host: string, timeout: number): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout });
    socket.on('connect', () => {
      socket.destroy();
      resolve({ ok: true, message: '' });
    });
    socket.on('timeout', () => socket.destroy(new Error(`connecting to ${host}:${port} timed out`)));
    socket.on('error', reject);
  });
}

/** A probe's port may be the name of one of the container's ports. */
function portOf({ ports = [] }: Container, port: number | string): number {
  const found = typeof port === 'number' ? port : ports.find(({ name }) => name === port)?.containerPort;
  if (found === undefined) throw new Error(`the container has no port named ${port}`);
  return found;
}
