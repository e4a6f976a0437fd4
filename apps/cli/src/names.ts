import { modelNamePattern } from '#libs/events';
import { usageError } from './cli-error.ts';

/** `model@3` */
export function parseVersionName(name: string): { model: string; version: number } {
  const { model, version } = parseModelName(name);
  if (version === undefined) throw usageError(`${name} names no version; write it as ${model}@N`);
  return { model, version };
}

/** `model` or `model@3` */
export function parseModelName(name: string): { model: string; version?: number } {
  const [model = '', version, ...rest] = name.split('@');
  if (!modelNamePattern.test(model) || rest.length > 0)
    throw usageError(`${name} is not a model name; names have lower-case letters, digits and hyphens`);
  if (version === undefined) return { model };
  if (!/^[1-9]\d{0,8}$/.test(version)) throw usageError(`${name} names no version; versions are 1, 2, 3 …`);
  return { model, version: Number(version) };
}
