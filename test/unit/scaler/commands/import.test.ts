import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { kernscale } from '../kernscale-command.js';

const WHOLE = 'test/golden/import/hpa-cpu.yaml';
const INCOMPLETE = 'test/golden/import/hpa-metrics.yaml';

describe('kernscale import', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernscale-import-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('writes the rules, and ends with 0 where they say all', async () => {
    const { status, stdout, stderr } = await kernscale('import', WHOLE);
    expect({ status, stderr }).to.deep.equal({
      status: 0,
      stderr: '1 autoscaler read; the rules say all that it says\n',
    });
    expect(stdout).to.equal(await readFile('test/golden/import/hpa-cpu.rules.txt', 'utf8'));
  });

  it('ends with 1 where something has no equal, and says what', async () => {
    const { status, stdout, stderr } = await kernscale('import', WHOLE, INCOMPLETE);
    expect(status).to.equal(1);
    expect(stdout).to.match(/^ {6}- scale: web$/m);
    expect(stderr).to.match(
      /^test\/golden\/import\/hpa-metrics\.yaml:1:1: HorizontalPodAutoscaler shop\/web: HorizontalPodAutoscaler shop\/web scales .*, too.*\[NO_EQUAL\]$/m,
    );
    expect(stderr).to.match(/^2 autoscalers read; 1 of them has something without an equal/m);
  });

  it('reads standard input, and takes the namespace of a manifest that names none', async () => {
    const child = new Promise<string>((resolve) => {
      const argv = ['--import=tsx', 'scaler/cli.ts', 'import', '--namespace=shop', '-'];
      const { stdin } = execFile(process.execPath, argv, (_, stdout) => {
        resolve(stdout);
      });
      stdin?.end(
        'apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: web}\nspec: {scaleTargetRef: {name: web}}\n',
      );
    });
    const stdout = await child;
    expect(stdout).to.match(/ScaledObject shop\/web, from -:1$/m);
    expect(stdout).to.match(/namespace: shop, name: web/);
  });

  const refused: [what: string, text: string, expected: RegExp][] = [
    ['broken YAML', 'kind: [\n', /broken\.yaml:\d+:\d+: .*\[RULE_YAML\]/],
    [
      'a file without an autoscaler',
      'apiVersion: v1\nkind: Service\n',
      /no HorizontalPodAutoscaler and no ScaledObject.*IMPORT_EMPTY/,
    ],
  ];
  for (const [what, text, expected] of refused) {
    it(`writes nothing for ${what}`, async () => {
      const file = join(folder, 'broken.yaml');
      await writeFile(file, text);
      const { status, stdout, stderr } = await kernscale('import', file);
      expect({ status, stdout }).to.deep.equal({ status: 1, stdout: '' });
      expect(stderr).to.match(expected);
    });
  }

  it('takes no files with --live', async () => {
    const { status, stderr } = await kernscale('import', '--live', WHOLE);
    expect(status).to.equal(2);
    expect(stderr).to.match(/--live reads the cluster/);
  });

  it('is what check names for a manifest, of a list, too', async () => {
    const file = join(folder, 'list.yaml');
    await writeFile(
      file,
      'apiVersion: v1\nkind: List\nitems:\n  - apiVersion: keda.sh/v1alpha1\n    kind: ScaledObject\n',
    );
    const { status, stderr } = await kernscale('check', WHOLE, file);
    expect(status).to.equal(1);
    expect(stderr).to.equal(
      `${WHOLE}:3:1: this is a HorizontalPodAutoscaler, not a rule file; run kernscale import to make rules of it [RULE_WRONG_FILE]\n` +
        `${file}:5:5: this is a ScaledObject, not a rule file; run kernscale import to make rules of it [RULE_WRONG_FILE]\n` +
        'see docs/errors.md#rule_wrong_file\nFAILED: 2 errors\n',
    );
  });
});
