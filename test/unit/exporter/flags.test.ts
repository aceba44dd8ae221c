import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { environmentVariable } from '../../../common/flags.js';
import { exporterCommand, parseExporterFlags } from '../../../exporter/flags.js';

const ROOT = path.resolve(import.meta.dirname, '../../..');

describe('the exporter’s flags', () => {
  let before: NodeJS.ProcessEnv;
  beforeEach(() => {
    before = { ...process.env };
  });
  afterEach(() => {
    process.env = before;
  });

  const parse = (argv: readonly string[] = [], environment: Record<string, string> = {}) => {
    Object.assign(process.env, environment);
    return parseExporterFlags(argv, '1.2.3')!;
  };

  it('have defaults that measure everything but kube-system', () => {
    const flags = parse();
    expect(flags).to.deep.include({ listenAddresses: [':5000'], source: 'detect', keepDeadSeconds: 30 });
    expect(flags.maxContainers).to.equal(1024);
    expect(flags.maxRequests).to.equal(40);
    expect(flags.probes).to.deep.equal(['scheduler', 'blockio', 'sampling', 'tcp']);
    expect(flags.ignoreNamespaces.test('kube-system')).to.equal(true);
    expect(flags.ignoreNamespaces.test('not-kube-system')).to.equal(false);
    expect(flags).to.include({ profile: undefined, histogramsDetail: false, checkOnly: false });
  });

  it('anchor the namespaces to ignore, as Prometheus anchors its regular expressions', () => {
    const { ignoreNamespaces } = parse(['--ignore.namespaces', 'kube-.*|dev']);
    const ignored = ['kube-system', 'kube-', 'dev', 'dev-1', 'my-kube-x'].filter((one) =>
      ignoreNamespaces.test(one),
    );
    expect(ignored).to.deep.equal(['kube-system', 'kube-', 'dev']);
    expect(() => parse(['--ignore.namespaces', '('])).to.throw(/"\(" is not a regular expression/);
  });

  it('may come from the environment, where the command line wins', () => {
    const environment = {
      KERNSCALE_WEB_LISTEN_ADDRESS: '127.0.0.1:1',
      KERNSCALE_IGNORE_NAMESPACES: 'a',
      KERNSCALE_CONTAINERS_KEEP_DEAD: '1m30s',
      KERNSCALE_CONTAINERS_MAX: '4096',
      KERNSCALE_PROBE_TCP: 'false',
      KERNSCALE_HISTOGRAMS_DETAIL: 'true',
      KERNSCALE_PROFILE: 'off',
    };
    const flags = parse([], environment);
    expect(flags.listenAddresses).to.deep.equal(['127.0.0.1:1']);
    expect(flags.probes).to.deep.equal(['scheduler', 'blockio', 'sampling']);
    expect(flags).to.include({
      keepDeadSeconds: 90,
      maxContainers: 4096,
      histogramsDetail: true,
      profile: false,
    });
    const argued = parse(['--probe.tcp', '--profile', '--web.listen-address', ':2', '[::1]:3'], environment);
    expect(argued.probes).to.include('tcp');
    expect(argued).to.deep.include({ profile: true, listenAddresses: [':2', '[::1]:3'] });
  });

  it('name the node as its kubelet does by default: NODE_NAME, else the host name in lower case', () => {
    delete process.env['NODE_NAME'];
    expect(parse().nodeName).to.equal(hostname().toLowerCase());
    expect(parse([], { NODE_NAME: 'node-7' }).nodeName).to.equal('node-7');
  });

  const WRONG: Record<string, [argv: string[], message: RegExp]> = {
    'an unknown flag': [['--web.listen'], /unknown option '--web.listen'.*--help/],
    'an argument': [['x'], /too many arguments/],
    'a duration without a unit': [['--containers.keep-dead', '5'], /"5" is not a duration/],
    'no slot at all': [['--containers.max', '0'], /"0" is not a whole number from 1 to 16384/],
    'too many slots': [['--containers.max', '16385'], /"16385" is not a whole number/],
    'a part of a request': [['--web.max-requests', '1.5'], /"1.5" is not a whole number/],
    'no probe at all': [
      ['--no-probe.tcp', '--no-probe.scheduler', '--no-probe.blockio', '--no-probe.sampling'],
      /every probe is switched off/,
    ],
    'an unknown source': [['--source', 'nomad'], /Allowed choices are detect, kubernetes, host/],
    'an unknown level': [['--log.level', 'loud'], /Allowed choices are debug/],
  };
  for (const [what, [argv, message]] of Object.entries(WRONG)) {
    it(`refuse ${what}`, () => {
      expect(() => parse(argv))
        .to.throw(message)
        .with.property('code', 'BAD_FLAG');
    });
  }

  it('are all documented, with their variables and defaults', () => {
    delete process.env['NODE_NAME'];
    const documented = readFileSync(path.join(ROOT, 'docs/exporter.md'), 'utf8');
    const rows = exporterCommand('1.2.3').options.flatMap(({ long, flags, hidden, ...option }) => {
      if (long === '--version' || hidden || option.negate) return [];
      const fallback =
        option.defaultValueDescription ?? (option.defaultValue as string | string[] | undefined);
      const cell = fallback === undefined ? '' : `\`${[fallback].flat().join()}\``;
      return [`| \`${flags}\` | \`${environmentVariable(long!)}\` | ${cell} | ${option.description} |`];
    });
    expect(rows.length).to.be.greaterThan(15);
    expect(rows.filter((row) => !documented.includes(row)).join('\n')).to.equal('');
    const inTable = documented.match(/^\| `--.*$/gm)!;
    expect(inTable.filter((row) => !rows.includes(row)).join('\n'), 'flags that are gone').to.equal('');
  });

  it('and what they name are checked by --config.check, without a kernel', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'kernscale-'));
    try {
      const file = path.join(directory, 'web.yaml');
      const run = promisify(execFile);
      const check = () =>
        run(process.execPath, [`${ROOT}/dist/exporter/main.js`, '--config.check', '--web.config.file', file]);
      await writeFile(file, 'basic_auth_users: {}\n');
      expect((await check()).stdout).to.equal('The configuration is good.\n');
      await writeFile(file, 'basic_auth: {}\n');
      const failed = (await check().catch((error: unknown) => error)) as { code: number; stderr: string };
      expect(failed.code).to.equal(1);
      expect(failed.stderr).to.match(
        /web\.yaml:1:1: unknown field "basic_auth".*\[WEB_CONFIG_INVALID\]\nsee docs\/errors\.md#web_config_invalid\n$/,
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
