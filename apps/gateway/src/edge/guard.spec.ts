import { describe, expect, it } from 'vitest';
import { loadConfig } from '#libs/platform';
import { Guard, isLoopback } from './guard.ts';

const config = (overrides: Record<string, unknown>) => loadConfig({ env: {}, overrides }).config;

describe('Guard', () => {
  it('refuses to listen beyond loopback without a token', () => {
    expect(() => new Guard(config({ 'http.host': '0.0.0.0' }))).toThrow('http.token');
    expect(() => new Guard(config({ 'http.host': '0.0.0.0', 'http.token': 'secret' }))).not.toThrow();
  });

  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '[::1]', '::1'])('knows %s as loopback', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each(['0.0.0.0', 'example.org', '127.0.0.1.example.org', 'localhost.example.org', ''])('not %j', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});
