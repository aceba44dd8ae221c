import { z } from 'zod';
import { createHash, randomInt } from 'node:crypto';
import type { JsonObject } from '../api/body.js';

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** RFC 1123 label: names of containers, services and namespaces. */
export const label = z
  .string()
  .regex(LABEL, "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'");

/** RFC 1123 subdomain: the name of most objects. */
export const subdomain = z
  .string()
  .regex(SUBDOMAIN, "a lowercase RFC 1123 subdomain must consist of lower case characters, '-' or '.'");

export const strings = z.record(z.string(), z.string());

/** metav1.LabelSelector. */
export const labelSelector = z.looseObject({
  matchLabels: strings.optional(),
  matchExpressions: z
    .array(
      z.looseObject({
        key: z.string(),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: z.array(z.string()).optional(),
      }),
    )
    .optional(),
});

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** metav1.ManagedFieldsEntry: the fields that one manager set last. */
export interface ManagedFields {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time?: string;
  fieldsType: 'FieldsV1';
  fieldsV1: JsonObject;
  subresource?: string;
}

/** metav1.ObjectMeta as stored, with the fields that the server sets. Times are RFC 3339, in UTC. */
interface ObjectMeta {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  generateName?: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: ManagedFields[];
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
}

export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
  lastUpdateTime?: string;
}

/** A new object; the store adds the rest of its metadata. */
export type Draft<T extends KubeObject> = Omit<T, 'metadata'> & { metadata: Partial<ObjectMeta> };

/** A time as metav1.Time formats it, in whole seconds; now by default. */
export function timestamp(milliseconds = Date.now()): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Reference that makes `owner` the managing controller of another object. */
export function controllerReference(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return (
    object.metadata.ownerReferences?.some(
      (ref) => ref.controller === true && ref.uid === owner.metadata.uid,
    ) ?? false
  );
}

/** Sets a condition; its transition time changes only with its status. */
export function setCondition(conditions: Condition[] | undefined, next: Condition): Condition[] {
  const all = conditions ?? [];
  const old = all.find(({ type }) => type === next.type);
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : timestamp();
  const merged: Condition = { ...next, ...(lastTransitionTime !== undefined && { lastTransitionTime }) };
  return old ? all.map((condition) => (condition === old ? merged : condition)) : [...all, merged];
}

/** Kubernetes' alphabet, without vowels, so that no name spells a word, and without look-alikes. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Random end of a generated name, such as `x2k4q` in `web-7d9f8c6b5-x2k4q`. */
export function randomSuffix(length = 5): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** Short hash of a value, independent of the order of its fields. */
export function contentHash(value: unknown): string {
  const digest = createHash('sha256').update(canonical(value)).digest();
  return [...digest.subarray(0, 10)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => {
    if (typeof field !== 'object' || field === null || Array.isArray(field)) return field;
    return Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
