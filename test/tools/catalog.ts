/**
 * The outside programs that the tests drive: what each is called, which package brings it, and at which
 * version a Go program is pinned. One place to raise a version; nothing here installs or runs anything.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'

/** A program of a Debian package; its version is the distribution's. */
export type DebianTool = { readonly kind: 'debian'; readonly package: string; readonly needsRoot: boolean }

/** A program that `go install` builds, at a pinned version of its module. */
export type GoTool = { readonly kind: 'go'; readonly program: string; readonly version: string }

export type Tool = DebianTool | GoTool

function debian(name: string, needsRoot = false): DebianTool {
  return { kind: 'debian', package: name, needsRoot }
}

function go(program: string, version: string): GoTool {
  return { kind: 'go', program, version }
}

export const TOOLS = {
  docker: debian('docker.io'),
  dockerd: debian('docker.io', true),
  containerd: debian('containerd', true),
  ctr: debian('containerd', true),
  runc: debian('runc'),
  skopeo: debian('skopeo'),
  podman: debian('podman', true),
  buildah: debian('buildah', true),
  'docker-registry': debian('docker-registry'),
  strace: debian('strace', true),
  nginx: debian('nginx'),
  haproxy: debian('haproxy'),
  caddy: debian('caddy'),
  chromium: debian('chromium'),
  htpasswd: debian('apache2-utils'),
  'systemd-socket-activate': debian('systemd'),
  'docker-compose': debian('docker-compose'),
  debootstrap: debian('debootstrap', true),
  busybox: debian('busybox'),
  unshare: debian('util-linux', true),
  ip: debian('iproute2'),
  'qemu-aarch64': debian('qemu-user'),
  'ld-linux-aarch64.so.1': debian('libc6-arm64-cross'),
  'systemd-analyze': debian('systemd'),
  pip3: debian('python3-pip'),
  wrk: debian('wrk'),
  taskset: debian('util-linux'),
  curl: debian('curl'),
  openssl: debian('openssl'),
  initdb: debian('postgresql'),
  pg_ctl: debian('postgresql'),
  postgres: debian('postgresql'),
  crane: go('github.com/google/go-containerregistry/cmd/crane', 'v0.22.1'),
  oras: go('oras.land/oras/cmd/oras', 'v1.3.6'),
  regctl: go('github.com/regclient/regclient/cmd/regctl', 'v0.11.7'),
  registry: go('github.com/distribution/distribution/v3/cmd/registry', 'v3.1.2'),
  kubeconform: go('github.com/yannh/kubeconform/cmd/kubeconform', 'v0.7.0'),
  conformance: go(
    'github.com/opencontainers/distribution-spec/conformance',
    'v0.0.0-20260831232431-97274622c111',
  ),
} as const satisfies Record<string, Tool>

export type ToolName = keyof typeof TOOLS

export const TOOL_NAMES = Object.keys(TOOLS) as ToolName[]

/** Folder that holds the Go programs: one folder a program and version, so that versions never mix. */
export function toolCache(): string {
  const cache = process.env['XDG_CACHE_HOME']
  return join(cache === undefined || cache === '' ? join(homedir(), '.cache') : cache, 'berth-tools')
}

/** `<cache>/<name>@<version>`, the folder of one Go program. */
export function goToolFolder(name: ToolName, tool: GoTool): string {
  return join(toolCache(), `${name}@${tool.version}`)
}

/** What a person does to get a tool, as one sentence without a full stop. */
export function howToGet(name: ToolName): string {
  const tool: Tool = TOOLS[name]
  return tool.kind === 'debian'
    ? `on Debian: apt-get install ${tool.package}`
    : `go install ${tool.program}@${tool.version}`
}
