import { expect, it } from 'vitest';
import { machineEnvironment } from './environment.ts';

it.each([
  [{ HOME: '/home/me' }, 'linux', '/home/me/.cache/tidemill'],
  [{ HOME: '/Users/me' }, 'darwin', '/Users/me/Library/Caches/tidemill'],
  [{ HOME: '/home/me', XDG_CACHE_HOME: '/big/cache' }, 'linux', '/big/cache/tidemill'],
  [{ HOME: '/home/me', XDG_CACHE_HOME: 'relative' }, 'linux', '/home/me/.cache/tidemill'],
] as const)('with %o on %s the cache is %s', (env, platform, expected) => {
  expect(machineEnvironment(env, platform).cacheDirectory).toBe(expected);
});

it('an environment without Java or PATH has none', () => {
  expect(machineEnvironment({ HOME: '/home/me' })).toMatchObject({ javaHome: '', path: [] });
});
