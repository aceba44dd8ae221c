import { KernscaleError } from '../../common/errors.js';
import { Fields } from '../../common/fields.js';
import { workloadKey } from '../core/types.js';
import { checkRule } from '../rules/checks.js';
import { schemaFindings } from '../rules/findings.js';
import { ruleSchema } from '../rules/schema.js';
import { translateHpa } from './hpa.js';
import { translateScaledObject } from './keda.js';
import type { Manifest } from './manifests.js';
import { noEqual, type Note, type Translation } from './translation.js';

/** An autoscaler and what it becomes. */
export interface Imported extends Translation {
  readonly manifest: Manifest;
  /** `HorizontalPodAutoscaler shop/web`. */
  readonly name: string;
  readonly namespace: string;
}

/**
 * Translates autoscalers into rules, each on its own, except that one workload has one rule.
 *
 * @param defaultNamespace of manifests that name none
 */
export function translate(manifests: readonly Manifest[], defaultNamespace: string): Imported[] {
  const imported = manifests.map((manifest) => translateOne(manifest, defaultNamespace));
  const names = new Set(imported.map(({ name }) => name));
  // KEDA makes an HPA for a ScaledObject, which says all that the HPA says.
  const own = imported.filter(({ manifest, namespace }) => {
    const maker = makerOf(manifest);
    return maker === undefined || !names.has(`ScaledObject ${namespace}/${maker}`);
  });
  const seen = new Map<string, string>();
  return own.map((one) => {
    if (!one.rule) return one;
    const key = workloadKey(one.rule.scaleTargetRef);
    const first = seen.get(key);
    if (first !== undefined)
      return refuse(one, `${first} scales ${key}, too, and a workload has one rule; merge the two.`);
    seen.set(key, one.name);
    return one;
  });
}

const SCALED = ruleSchema.pick({ scale: true, scaleTargetRef: true, minReplicas: true, maxReplicas: true });

const UNSIZED = noEqual(
  'No target is left, so the rule sizes by its default: the CPU demand, at 70 % of the CPU request.',
);

function translateOne(manifest: Manifest, defaultNamespace: string): Imported {
  const faults: string[] = [];
  const object = Fields.of(manifest.value, faults);
  const metadata = object.fields('metadata');
  const namespace = metadata.string('namespace') || defaultNamespace;
  const name = `${manifest.kind} ${namespace}/${metadata.string('name') ?? ''}`;
  const translation = checked(translationOf(manifest, object, namespace));
  const unreadable = faults.map((fault) => noEqual(`${fault}; it is left out.`));
  const isUnsized = translation.rule?.targets.length === 0;
  return {
    manifest,
    name,
    namespace,
    ...translation,
    notes: [...(isUnsized ? [UNSIZED] : []), ...translation.notes, ...unreadable],
  };
}

function translationOf(manifest: Manifest, object: Fields, namespace: string): Translation {
  const maker = makerOf(manifest);
  if (maker !== undefined) {
    return lost(`KEDA made it for ScaledObject ${namespace}/${maker}; import that one.`);
  }
  if (manifest.kind === 'ScaledJob') return lost('Kernscale scales no Jobs; leave it with KEDA.');
  try {
    const isHpa = manifest.kind === 'HorizontalPodAutoscaler';
    return isHpa ? translateHpa(object, namespace) : translateScaledObject(object, namespace);
  } catch (error) {
    if (!(error instanceof KernscaleError) || error.code !== 'OBJECT_UNREADABLE') throw error;
    return lost(`${error.message}.`);
  }
}

/** Without a rule whose workload or bounds `kernscale check` would refuse. */
function checked(translation: Translation): Translation {
  const { scale, scaleTargetRef, minReplicas, maxReplicas } = translation.rule ?? {};
  const scaled = { scale, scaleTargetRef, minReplicas, maxReplicas };
  const findings = translation.rule ? [...schemaFindings(SCALED, scaled), ...checkRule(scaled, [], [])] : [];
  return findings.length === 0 ? translation : lost(`${findings.map(({ message }) => message).join('; ')}.`);
}

function refuse({ manifest, name, namespace }: Imported, why: string): Imported {
  return { manifest, name, namespace, ...lost(why) };
}

function lost(text: string): Translation {
  return { notes: [noEqual(text)] };
}

/** The ScaledObject that an HPA was made for. */
function makerOf({ kind, value }: Manifest): string | undefined {
  if (kind !== 'HorizontalPodAutoscaler') return undefined;
  const owners = Fields.of(value).fields('metadata').list('ownerReferences');
  return owners.find((owner) => owner.string('kind') === 'ScaledObject')?.string('name');
}

/** What the autoscaler does and its rule does not. */
export function lostOf({ notes }: Translation): Note[] {
  return notes.filter(({ lost }) => lost);
}
