/**
 * What differs between a tutorial's machine and the one of these tests: this table, and no more. Only names of hosts,
 * and of the people who wrote, are those of examples from the beginning (`registry.example.com`, `team`), for nobody's
 * stands in this project; the addresses and ports are the tutorials' own, for the machine is the test's own.
 */
const DIFFERENCES: readonly (readonly [there: RegExp, here: string, why: string])[] = [
  [/\bsudo /g, '', 'the person is root'],
  [/\bdocker compose\b/g, 'docker-compose', "Debian's docker-compose, which is the one before"],
  [/–(?=version\b)/g, '--', 'the page has made one dash of two'],
  [/^apt install apache2-utils$/g, 'command -v htpasswd', 'it is here already'],
  [/\bsnap install docker$/g, 'command -v docker', 'it is here already'],
]

/** A line of a tutorial, as it is typed here. */
export function asHere(line: string): string {
  return DIFFERENCES.reduce((text, [there, here]) => text.replace(there, here), line)
}
