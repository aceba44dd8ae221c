import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../../../eventually.js';
import { RuleManager, type RuleManagerOptions } from '../../../../scaler/rules/rule-manager.js';

const group = (name: string, ...rules: string[]): string =>
  `groups:\n  - name: ${name}\n    rules:\n${rules.map((rule) => ruleLines(rule)).join('')}`;

function ruleLines(name: string): string {
  const target = `{ kind: Deployment, namespace: shop, name: ${name} }`;
  return `      - scale: ${name}\n        scaleTargetRef: ${target}\n        maxReplicas: 20\n`;
}

const SHOP = group('shop', 'web', 'cart');

describe('RuleManager', () => {
  let folder: string;
  let file: string;
  let manager: RuleManager;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernscale-rules-'));
    file = join(folder, 'shop.yaml');
    await writeFile(file, SHOP);
  });
  afterEach(async () => {
    manager.close();
    await rm(folder, { recursive: true });
  });

  async function load(path = file, options: RuleManagerOptions = {}): Promise<void> {
    manager = new RuleManager([path], options);
    expect(await manager.reload(), manager.errors.join()).to.equal(true);
  }
  const names = (): string[] => manager.groups.flatMap(({ rules }) => rules.map(({ scale }) => scale));

  it('restricts built-in signals to one cluster, and reloads them so', async () => {
    await load(file, { matchers: 'cluster="a"' });
    await manager.reload();
    expect(manager.groups[0]!.signals['cpu']!.expr).to.contain('{cluster="a", state="oncpu"}');
  });

  describe('keeps the rules of a file', () => {
    const EMPTY = { nothing: '', 'a line break': '\n', 'a comment': '# soon\n', 'no group': 'groups: []\n' };
    for (const [what, text] of Object.entries(EMPTY)) {
      it(`that holds ${what} now, and says so`, async () => {
        await load();
        await writeFile(file, text);
        expect(await manager.reload()).to.equal(false);
        expect(names()).to.deep.equal(['web', 'cart']);
        expect(manager.errors).to.deep.equal([
          `${file}:1:1: the file has lost all of its 2 rules, which stay in force; if that is meant, delete the file, or start with --rules.allow-truncated`,
        ]);
      });
    }

    it('that ends within a line of its last version', async () => {
      await load();
      await writeFile(file, SHOP.slice(0, SHOP.lastIndexOf('0\n')));
      expect(await manager.reload()).to.equal(false);
      expect(manager.groups[0]!.rules[1]!.maxReplicas).to.equal(20);
      expect(manager.errors[0]).to.match(/shop\.yaml:9:23: the file is its last version, cut off here; /);
    });

    it('that ends before the last rules of its last version', async () => {
      await load();
      await writeFile(file, group('shop', 'web'));
      expect(await manager.reload()).to.equal(false);
      expect(names()).to.deep.equal(['web', 'cart']);
      expect(manager.errors[0]).to.match(
        /shop\.yaml:7:1: the file is its last version, cut off here, without its last rule; /,
      );
    });

    it('until it has rules again', async () => {
      await load();
      for (const text of ['', '# soon\n']) {
        await writeFile(file, text);
        expect(await manager.reload()).to.equal(false);
      }
      await writeFile(file, group('shop', 'api'));
      expect(await manager.reload()).to.equal(true);
      expect([names(), manager.errors]).to.deep.equal([['api'], []]);
    });
  });

  describe('takes what an edit leaves', () => {
    const EDITS: [what: string, text: string, rules: string[]][] = [
      ['without the first rule', group('shop', 'cart'), ['cart']],
      ['without the last rule, with another change', `# one\n${group('shop', 'web')}`, ['web']],
      ['without the last line break', SHOP.trimEnd(), ['web', 'cart']],
    ];
    for (const [what, text, rules] of EDITS) {
      it(what, async () => {
        await load();
        await writeFile(file, text);
        expect(await manager.reload(), manager.errors.join()).to.equal(true);
        expect(names()).to.deep.equal(rules);
      });
    }

    it('without the last field of the last rule', async () => {
      await writeFile(file, `${SHOP}        dryRun: true\n`);
      await load();
      await writeFile(file, SHOP);
      expect(await manager.reload()).to.equal(true);
      expect(manager.groups[0]!.rules[1]!.dryRun).to.equal(false);
    });

    it('without a file of a folder', async () => {
      await writeFile(join(folder, 'other.yaml'), group('other', 'db'));
      await load(folder);
      await unlink(join(folder, 'other.yaml'));
      expect(await manager.reload()).to.equal(true);
      expect(names()).to.deep.equal(['web', 'cart']);
    });

    it('of an empty or cut off file, if that is allowed', async () => {
      await load(file, { allowTruncated: true });
      await writeFile(file, group('shop', 'web'));
      expect(await manager.reload()).to.equal(true);
      expect(names()).to.deep.equal(['web']);
      await writeFile(file, '');
      expect(await manager.reload()).to.equal(true);
      expect(names()).to.deep.equal([]);
      expect(manager.problems).to.deep.equal(['The rule files have no rules: nothing is scaled.']);
    });
  });

  describe('reloads', () => {
    async function watch(path: string): Promise<void> {
      await load(path, { pollMs: 5 });
      manager.watch();
    }
    const takes = (rule: string): Promise<unknown> =>
      eventually(`the rule ${rule}`, () => names().includes(rule) && manager.errors.length === 0);

    it('when a file changes, and when another replaces it', async () => {
      await watch(file);
      await writeFile(file, group('shop', 'edited'));
      await takes('edited');
      await writeFile(join(folder, 'new'), group('shop', 'renamed'));
      await rename(join(folder, 'new'), file);
      await takes('renamed');
    });

    it('when a file appears in a folder', async () => {
      await watch(folder);
      await writeFile(join(folder, 'other.yaml'), group('other', 'db'));
      await takes('db');
    });

    it('when the file behind a link changes', async () => {
      const target = join(folder, 'elsewhere', 'rules');
      await mkdir(join(folder, 'elsewhere'));
      await writeFile(target, SHOP);
      await symlink(target, join(folder, 'link'));
      await watch(join(folder, 'link'));
      await writeFile(target, group('shop', 'edited'));
      await takes('edited');
    });

    it('when a folder is replaced, each time', async () => {
      const rules = join(folder, 'rules');
      const put = async (name: string, rule: string): Promise<void> => {
        await mkdir(join(folder, name));
        await writeFile(join(folder, name, 'shop.yaml'), group('shop', rule));
      };
      await put('rules', 'web');
      await watch(rules);
      for (const rule of ['second', 'third']) {
        await put('next', rule);
        await rm(rules, { recursive: true });
        await eventually('the missing folder is a problem', () => manager.errors.length > 0);
        expect(names()).not.to.be.empty;
        await rename(join(folder, 'next'), rules);
        await takes(rule);
      }
    });

    it('when git-sync swaps its link to a work tree, each time', async () => {
      const current = join(folder, 'current');
      const swap = async (tree: string): Promise<void> => {
        await mkdir(join(folder, tree, 'rules'), { recursive: true });
        await writeFile(join(folder, tree, 'rules', 'shop.yaml'), group('shop', tree));
        await symlink(tree, join(folder, 'next'));
        await rename(join(folder, 'next'), current);
      };
      await swap('tree-1');
      await watch(join(current, 'rules'));
      for (const [tree, previous] of [
        ['tree-2', 'tree-1'],
        ['tree-3', 'tree-2'],
      ] as const) {
        await swap(tree);
        await rm(join(folder, previous), { recursive: true });
        await takes(tree);
      }
    });
  });
});
