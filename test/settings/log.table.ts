import { expect } from 'bun:test'
import { until } from '../until.ts'
import type { ArrangedServer } from './arranged-server.ts'
import type { Observed } from './observed.ts'

function lines(server: ArrangedServer): Record<string, unknown>[] {
  return server
    .stderr()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

/** Whoever has stopped has written everything. */
async function afterARequest(server: ArrangedServer): Promise<string> {
  await (await server.ask('/v2/')).text()
  await until('the request is told of', () => server.stderr().includes('/v2/'))
  await server.stop()
  return server.stdout()
}

function saysNothingBelowErrors(server: ArrangedServer): void {
  expect(server.stderr()).not.toContain('level=info')
}

export const LOG: readonly Observed[] = [
  {
    what: 'a quiet log',
    isQuiet: true,
    settings: () => ({ 'log.level': 'error' }),
    keys: { 'log.level': saysNothingBelowErrors },
  },
  {
    what: 'a quiet log by its older name',
    isQuiet: true,
    settings: () => ({ loglevel: 'error' }),
    keys: { loglevel: saysNothingBelowErrors },
  },
  {
    what: 'a log of objects',
    settings: () => ({
      'log.formatter': 'json',
      'log.fields': { place: 'attic' },
      'log.accesslog.disabled': true,
    }),
    keys: {
      'log.formatter': (server) => expect(lines(server).length).toBeGreaterThan(0),
      'log.fields': (server) => {
        for (const line of lines(server)) expect(line).toMatchObject({ place: 'attic' })
      },
      'log.accesslog.disabled': async (server) => expect(await afterARequest(server)).toBe(''),
    },
  },
  {
    what: "a log by Berth's own settings",
    settings: () => ({
      'log.formatter': 'text',
      'berth.log.format': 'logstash',
      'berth.log.accessLog': false,
    }),
    keys: {
      'berth.log.format': (server) => {
        for (const line of lines(server)) expect(line).toMatchObject({ '@version': expect.anything() })
      },
      'berth.log.accessLog': async (server) => expect(await afterARequest(server)).toBe(''),
    },
  },
]
