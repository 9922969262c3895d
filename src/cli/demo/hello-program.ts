/**
 * The program inside the demo image: it prints a text and ends. It is written out as machine code, so that
 * the image runs everywhere, needs no base image, and is the same bytes whoever makes it.
 * An ELF file with one segment: 64 bytes of header, 56 that describe the segment, the code, the text.
 */
export type Architecture = 'amd64' | 'arm64'

const BASE = 0x400000
const HEADERS = 64 + 56
const MACHINE: Readonly<Record<Architecture, number>> = { amd64: 62, arm64: 183 }

/** A Linux executable that writes the text (at most 65535 bytes) to standard output. */
export function helloProgram(architecture: Architecture, text: string): Uint8Array {
  const message = new TextEncoder().encode(text)
  const code = architecture === 'amd64' ? amd64Code(message.length) : arm64Code(message.length)
  const program = new Uint8Array(HEADERS + code.length + message.length)
  writeHeaders(new DataView(program.buffer), MACHINE[architecture], program.length)
  program.set(code, HEADERS)
  program.set(message, HEADERS + code.length)
  return program
}

/** elf(5). What is not written is 0. */
function writeHeaders(view: DataView, machine: number, size: number): void {
  const put16 = (offset: number, value: number) => view.setUint16(offset, value, true)
  const put32 = (offset: number, value: number) => view.setUint32(offset, value, true)
  view.setUint32(0, 0x7f454c46) // "\x7fELF"
  view.setUint32(4, 0x02010100) // 64 bit, little end first
  put16(16, 2) // executable
  put16(18, machine)
  put32(20, 1)
  put32(24, BASE + HEADERS) // entry
  put32(32, 64) // where the segments are described
  put16(52, 64)
  put16(54, 56)
  put16(56, 1) // one segment
  put32(64, 1) // to be loaded
  put32(68, 5) // readable and executable
  put32(80, BASE)
  put32(88, BASE)
  put32(96, size)
  put32(104, size)
  put32(112, 0x10000) // alignment: the largest pages there are
}

/** write(1, text, length); exit(0). The text stands right after the code. */
function amd64Code(length: number): Uint8Array {
  const code = Uint8Array.from([
    ...[0xb8, 1, 0, 0, 0], // mov eax, 1
    ...[0xbf, 1, 0, 0, 0], // mov edi, 1
    ...[0x48, 0x8d, 0x35, 16, 0, 0, 0], // lea rsi, [rip + 16]
    ...[0xba, 0, 0, 0, 0], // mov edx, length
    ...[0x0f, 0x05], // syscall
    ...[0xb8, 60, 0, 0, 0], // mov eax, 60
    ...[0x31, 0xff], // xor edi, edi
    ...[0x0f, 0x05], // syscall
  ])
  new DataView(code.buffer).setUint32(18, length, true)
  return code
}

/** The same for arm64: eight instructions of four bytes. */
function arm64Code(length: number): Uint8Array {
  const move = (register: number, value: number) => 0xd2800000 + value * 32 + register
  const call = 0xd4000001
  const textAddress = 0x100000e1 // adr x1, 28 bytes on
  const code = new DataView(new ArrayBuffer(32))
  const instructions = [
    move(0, 1),
    textAddress,
    move(2, length),
    move(8, 64),
    call,
    move(0, 0),
    move(8, 93),
    call,
  ]
  instructions.forEach((instruction, index) => {
    code.setUint32(index * 4, instruction, true)
  })
  return new Uint8Array(code.buffer)
}
