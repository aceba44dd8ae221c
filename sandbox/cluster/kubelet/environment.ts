import { statSync } from 'node:fs';
import path from 'node:path';
import type { Container, EnvironmentVariable, Pod } from '../objects/pod.js';
import type { Service } from '../objects/service.js';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** On disk, as a container's files are; /tmp may be in memory, as in Debian 13. */
const TMPDIR = '/var/tmp';

/** A container cannot start; `reason` is the one in its waiting state, as the kubelet names it. */
export class StartError extends Error {
  override readonly name = 'StartError';

  constructor(
    readonly reason:
      'CreateContainerConfigError' | 'CreateContainerError' | 'ErrImagePull' | 'RunContainerError',
    message: string,
  ) {
    super(message);
  }
}

type Variables = Record<string, string>;

/**
 * Environment of a container: service links, then its own variables with downward API fields and `$(NAME)` references
 * resolved.
 *
 * @throws StartError for a source that is not supported
 */
export function environmentOf(pod: Pod, container: Container, services: readonly Service[]): Variables {
  const result: Variables = {
    PATH,
    TMPDIR,
    HOSTNAME: pod.metadata.name,
    ...(pod.spec.enableServiceLinks && serviceLinks(services)),
  };
  for (const variable of container.env ?? []) result[variable.name] = valueOf(pod, variable, result);
  return result;
}

/** Environment variables for the Services that are older than the pod (kubernetes.io, "Service"). */
export function serviceLinks(services: readonly Service[]): Variables {
  const links: Variables = {};
  for (const { metadata, spec } of services) {
    const [first] = spec.ports;
    const host = spec.clusterIP;
    if (!first || host === undefined || host === 'None') continue;
    const prefix = metadata.name.toUpperCase().replaceAll('-', '_');
    links[`${prefix}_SERVICE_HOST`] = host;
    links[`${prefix}_SERVICE_PORT`] = String(first.port);
    links[`${prefix}_PORT`] = `${first.protocol.toLowerCase()}://${host}:${first.port}`;
    for (const { name, port, protocol } of spec.ports) {
      if (name) links[`${prefix}_SERVICE_PORT_${name.toUpperCase().replaceAll('-', '_')}`] = String(port);
      const url = `${prefix}_PORT_${port}_${protocol}`;
      links[url] = `${protocol.toLowerCase()}://${host}:${port}`;
      links[`${url}_PROTO`] = protocol.toLowerCase();
      links[`${url}_PORT`] = String(port);
      links[`${url}_ADDR`] = host;
    }
  }
  return links;
}

/** Replaces `$(NAME)` by the variable's value and `$$(NAME)` by `$(NAME)`; unknown names stay. */
export function expand(text: string, variables: Readonly<Variables>): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (match, name: string | undefined) =>
    name === undefined ? '$' : (variables[name] ?? match),
  );
}

/**
 * Command of a container, with the program as a path on this machine: the program is looked up in the image's
 * directory, but does not run in a root file system of its own.
 *
 * @throws StartError without such an image, command or program
 */
export function commandOf(
  container: Container,
  imageDirectory: string | undefined,
  env: Variables,
): string[] {
  const { image, name, command = [], args = [] } = container;
  if (imageDirectory === undefined) {
    throw new StartError(
      'ErrImagePull',
      `failed to pull image "${image}": the stand-in cluster has no such image`,
    );
  }
  const [program, ...rest] = [...command, ...args].map((word) => expand(word, env));
  if (program === undefined || command.length === 0) {
    throw new StartError(
      'CreateContainerError',
      `container "${name}" has no command, and images of the stand-in cluster have no entrypoint`,
    );
  }
  const candidates = program.includes('/')
    ? [program]
    : PATH.split(':').map((one) => path.join(one, program));
  const found = candidates.map((one) => path.join(imageDirectory, one)).find(isExecutable);
  if (found === undefined) {
    throw new StartError(
      'RunContainerError',
      `exec: "${program}": executable file not found in ${imageDirectory}`,
    );
  }
  return [found, ...rest];
}

function valueOf(pod: Pod, { name, value, valueFrom }: EnvironmentVariable, known: Variables): string {
  if (!valueFrom) return expand(value ?? '', known);
  const field = valueFrom.fieldRef?.fieldPath;
  const resolved = field === undefined ? undefined : fieldOf(pod, field);
  if (resolved !== undefined) return resolved;
  const source = field ?? Object.keys(valueFrom).join();
  throw new StartError('CreateContainerConfigError', `variable ${name}: source ${source} is not supported`);
}

function fieldOf({ metadata, spec, status }: Pod, field: string): string | undefined {
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(field);
  if (keyed) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2]!] ?? '';
  const fields: Record<string, string | undefined> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'spec.nodeName': spec.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName,
    'status.hostIP': status.hostIP,
    'status.podIP': status.podIP,
    'status.podIPs': status.podIP,
  };
  return fields[field];
}

function isExecutable(file: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  return found !== undefined && found.isFile() && (found.mode & 0o111) !== 0;
}
