import type { Option } from 'commander';
import { KernscaleError } from '../../common/errors.js';
import { flag, seconds } from '../../common/flags.js';
import type { PrometheusOptions } from './client.js';
import { loadHttpConfig, type HttpConfig } from './http-config.js';
import { parseMatchers } from './matchers.js';

/** Flags for access to Prometheus, the same in every program. */
export function prometheusFlags(timeout: number, url?: string): Option[] {
  return [
    flag('--prometheus.url <url>', 'Address of Prometheus; user:password@ becomes basic authentication', url),
    flag(
      '--prometheus.config.file <file>',
      "File with TLS settings, credentials and headers, in the format of Prometheus' http_config",
    ),
    flag('--prometheus.bearer-token-file <file>', 'File with a bearer token, read again for every query'),
    flag('--prometheus.header <name: value...>', 'Header to send with every query; repeatable'),
    flag('--prometheus.query-parameter <name=value...>', 'Parameter to send with every query; repeatable'),
    flag(
      '--prometheus.matcher <matchers>',
      'Label matchers for the built-in signals, such as cluster="eu-1", if Prometheus holds several clusters',
      undefined,
      parseMatchers,
    ),
    flag('--prometheus.timeout <duration>', 'Timeout of a query, retries included', timeout, seconds),
  ];
}

/** The label matchers of `--prometheus.matcher`. */
export function matchersOf(options: Readonly<Record<string, unknown>>): string | undefined {
  return options['prometheus.matcher'] as string | undefined;
}

/**
 * Options from {@link prometheusFlags}; undefined without an address.
 *
 * @param options as commander parsed them
 * @throws KernscaleError `BAD_FLAG` or `HTTP_CONFIG`
 */
export function prometheusOptions(options: Readonly<Record<string, unknown>>): PrometheusOptions | undefined {
  const url = options['prometheus.url'] as string | undefined;
  if (url === undefined) return undefined;
  const parameters = (options['prometheus.queryParameter'] ?? []) as string[];
  return {
    url,
    timeout: options['prometheus.timeout'] as number,
    http: httpConfig(options),
    parameters: parameters.map(parameter),
  };
}

function httpConfig(options: Readonly<Record<string, unknown>>): HttpConfig {
  const file = options['prometheus.config.file'] as string | undefined;
  const tokenFile = options['prometheus.bearerTokenFile'] as string | undefined;
  const headers = ((options['prometheus.header'] ?? []) as string[]).map(header);
  const config = file === undefined ? {} : loadHttpConfig(file);
  if (tokenFile !== undefined && (config.basic_auth ?? config.authorization)) {
    const message =
      '--prometheus.bearer-token-file and the credentials in --prometheus.config.file are mutually exclusive';
    throw new KernscaleError('BAD_FLAG', message);
  }
  const given = Object.fromEntries(headers.map(([name, value]) => [name, { values: [value] }]));
  return {
    ...config,
    ...(tokenFile !== undefined && { authorization: { credentials_file: tokenFile } }),
    http_headers: { ...config.http_headers, ...given },
  };
}

function header(text: string): [name: string, value: string] {
  const match = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*)$/.exec(text);
  if (!match) {
    throw new KernscaleError('BAD_FLAG', `"${text}" is not a header; write it like "X-Scope-OrgID: shop"`);
  }
  return [match[1]!.toLowerCase(), match[2]!];
}

function parameter(text: string): [name: string, value: string] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new KernscaleError('BAD_FLAG', `"${text}" is not a parameter; write it like dedup=true`);
}
