"""Classify names of Hadoop that have no effect or are not possible here.

These are names of options and properties. Those that have a meaning here are
in client/hadoop and client/key_options.
"""
from __future__ import annotations

import re
from collections.abc import Iterable

MAX_DISTANCE = 2  # changes of a character, up to which a name is a slip

# Options of hadoop-streaming.jar, and of madoop, and whether a value follows.
IDLE_OPTIONS = {
    "-verbose": False, "-background": False, "-lazyOutput": False,
    "-debug": False, "-v": False, "-vv": False,
    "-mapdebug": True, "-reducedebug": True, "-fs": True, "-jt": True,
    "-dfs": True, "-tokenCacheFile": True,
}
JAVA = "no Java runs here; use -mapper, -reducer and -partitioner COMMAND"
PIPES = "programs of Hadoop Pipes can't run here; use -mapper and -reducer"
NOT_READ = "configuration files are not read; give properties by -D"
IMPOSSIBLE_OPTIONS = {
    "-libjars": JAVA, "-conf": NOT_READ, "-config": NOT_READ,
    "-additionalconfspec": NOT_READ,
    "-inputreader": "read such records in the mapper; -D mapreduce.input."
                    "fileinputformat.split.maxsize=0 gives it whole files",
}
# Their values may name what is the only possibility here.
FORMAT_OPTIONS = {
    "-inputformat": "input is read as lines; convert it before, or in the "
                    "mapper",
    "-outputformat": "results are what the reducers print; convert it there, "
                     "or afterwards",
    "-io": "executables read and print lines of text",
}
BY_LINES = "NLineInputFormat"
# Without the option, lines pass as they are.
IDENTITIES = {"IdentityMapper": "-mapper", "IdentityReducer": "-reducer"}
USUAL = {
    "text", "Text", "TextInputFormat", "KeyValueTextInputFormat",
    "CombineTextInputFormat", "TextOutputFormat", "HashPartitioner",
    *IDENTITIES,
}

# Names that are Hadoop's begin so. Other old names are in _IDLE; a user's own
# property may begin as they do, such as min.support or job.date.
_HADOOPS = re.compile(
    r"(mapred|mapreduce|stream|yarn|dfs|fs|ipc|ha|hadoop)\..*")
# With one of these words, they are of the cluster: its memory, processors,
# queues, priorities, Java machines, buffers, logs, services and the like.
# Here they have no effect.
_CLUSTER = frozenset("""
    acl acls admin address algorithm am app application archive archives
    attempt authorization bandwidth batch blacklist blocksize buffer bytes
    capacity child class classloader classpath client cluster codec combine
    commit committer compress compressed compression concurrent container
    containers counters cpu create data debug default delay dir directory dirs
    dns dump emit enable enabled encrypted encryption end env exit factor
    failure failures fairscheduler fetch fileoutputcommitter files finalstatus
    framework gc graylist group groups handler hdfs health heap heartbeat
    history hosts http https ifile impl inmem input intermediate interval
    iterations java job-type jobclient jobhistory jobtracker journal jvm jvms
    kerberos keytab kill label limit limits list local lock log log4j logs
    markreset maps max maximum mb memory merge min minimum monitor multiplier
    name namenode nativelib network nodes notification nodemanager opts out
    output overload owner parallel parallelcopies params path percent
    permission permissions persist ping policy poll polling port principal
    priority processes processor profile progress properties proxy queue
    queuename queues rate read recordreader records recovery redacted replica
    replication report reservation resource resourcemanager restart resume
    retain retries retry retired reuse rpc running scheduler scheduling secret
    security seqfile serializations server service sharedcache shipped shuffle
    size skip slots slowstart socket sort speculative speculativecap spill
    splits ssl staging status stderr submit system tags task taskmemory tasks
    tasktracker temp threads threshold timeline timeout tmp tmpdir token
    tracker ubertask ulimit url usage user userlog users vcores verbose
    version view vmem wait webapp working write
    """.split())

# Names that the words leave unclear, and old ones that begin otherwise.
_IDLE = re.compile(
    r"(yarn|fs|dfs|hadoop(?!\.pipes)|ipc|ha)\..*"
    r"|stream\.map\.input\.(ignoreKey|field\..*)"
    r"|stream\.(jobLog_|joindelay|minRec|numinputspecs|sideoutput).*"
    r"|mapreduce\.job\.(tags|jar|ugi|id|skiprecords|split(file|\.metainfo)"
    r"|complete|credentials|finish)\b.*"
    r"|mapreduce\.job\.(jar\.unpack|submithost|userhistory|jobjar).*"
    r"|mapreduce\.task\.(id|ismap|partition|debugout\.lines)"
    r"|mapreduce\.(outputcommitter|workflow|jobcontrol)\..*"
    r"|mapred\.(jar|tip\.id|used\.genericoptionsparser|heartbeats\..*"
    r"|healthChecker\..*|cache\.local.*|(mapper|reducer)\.new-api)"
    r"|mapred\.job\.id"
    r"|mapred\.task\.(id|is\.map|partition|cache\.levels|max[pv]mem)"
    r"|io\.(bytes|compression|erasurecode|file|map|mapfile|native|seqfile"
    r"|serializations|skip|sort|storefile)\b.*"
    r"|net\.topology\..*|topology\.(node|script)\..*"
    r"|security\..*\.acl(\.blocked)?|nfs\.exports\..*"
    r"|adl\.(feature|http|ssl)\..*"
    r"|jobclient\..*|tasktracker\.(contention|http)\..*"
    r"|webinterface\.private\.actions|heartbeat\.recheck\.interval"
    r"|job\.(end\.(notification|retry)\..*|local\.dir)"
    r"|keep\.(failed\.)?task\.files.*|local\.cache\.size|map\.sort\.class"
    r"|map\.input\.(file|length|start)|min\.num\.spills\.for\.combine"
    r"|create\.empty\.dir\.if\.nonexist|user\.name|session\.id"
    r"|slave\.(host\.name|net\.interface)|seq\.io\.sort\..*"
    r"|(file|ftp|kfs|s3|s3native)\.(stream-buffer-size|bytes-per-checksum"
    r"|client-write-packet-size|blocksize|replication)"
    r"|tfile\.(io|fs)\..*|rpc\.metrics\..*|zlib\.compress\.level")

_IMPOSSIBLE = {
    r"mapred(uce)?\.(job\.)?(map|reduce|combine)\.class"
    r"|mapred\.(mapper|reducer|combiner)\.class"
    r"|mapred(uce)?\.(job\.)?(map\.?)?output\.(key|value)\.class"
    r"|mapred(uce)?\.map\.?runner\.class"
    r"|mapred(uce)?\.map(\.multithreadedrunner|per\.multithreadedmapper)\..*"
    r"|mapred(uce)?\.job\.(map|output\.group|combiner\.group)\..*class"
    r"|mapred\.output\.value\.groupfn\.class"
    r"|mapred(uce)?\.(aggregate|chain|join|mapper\.regex)\b.*"
    r"|(mapred\.data|mapreduce\.fieldsel)\..*"
    r"|(map|reduce)\.output\.key\.value\.fields\.spec"
    r"|mapred(uce)?\.(partition\.binarypartitioner|binary\.partitioner"
    r"|totalorderpartitioner)\..*|total\.order\.partitioner\..*": JAVA,
    r"mapred(uce)?\.(job\.)?input\.?format\.class"
    r"|mapred(uce)?\.input\.(pathFilter|multipleinputs"
    r"|sequencefileinputfilter).*"
    r"|mapred(uce)?\.jdbc\..*"
    r"|mapred\.input\.dir\.(formats|mappers)|sequencefile\.filter\..*"
    r"|stream\.recordreader\..*|textinputformat\.record\.delimiter"
    r"|key\.value\.separator\.in\.input\.line"
    r"|mapred\.linerecordreader\.maxlength"
    r"|mapred(uce)?\.input\.(keyvaluelinerecordreader|linerecordreader)\..*":
        FORMAT_OPTIONS["-inputformat"],
    r"stream\.(num\.)?reduce\.output\.(key\.fields|field\.separator)"
    r"|mapred(uce)?\.(job\.)?output\.?format\.class"
    r"|mapred(uce)?\.(output\.)?(textoutputformat|seqbinary\w*)\..*"
    r"|mapred\.seqbinary\..*|mapred\.lazy\.output\.format"
    r"|mapreduce\.output\.lazyoutputformat\..*"
    r"|mapred(uce)?\.output\.basename|mapreduce\.multipleoutputs.*":
        FORMAT_OPTIONS["-outputformat"],
    r"stream\.(io\..*|(map|reduce)\.(in|out)put(\.(reader|writer)\.class)?)":
        FORMAT_OPTIONS["-io"],
    r"(hadoop|mapred(uce)?)\.pipes\..*": PIPES,
    r"mapred(uce)?\.(job\.)?cache\.(files|archives)":
        "name them by -files and -archives",
    r"mapred(uce)?\.(input|output)\.dir"
    r"|mapreduce\.(input|output)\.file(in|out)putformat\.(in|out)putdir":
        "name them by -input and -output",
    r"stream\.(map|reduce|combine)\.(streamprocessor|command).*":
        "name them by -mapper, -combiner and -reducer",
    r"mapred\.((map|reduce)\.)?child\.env|stream\.addenvironment"
    r"|mapreduce\.(map|reduce)\.env(\..*)?":
        "set variables by -cmdenv NAME=VALUE",
}


def is_hadoops(name: str) -> bool:
    """Return whether a property is Hadoop's, and not the user's own."""
    return _HADOOPS.fullmatch(name) is not None


def is_idle(name: str) -> bool:
    """Return whether a property surely has no effect here."""
    return _IDLE.fullmatch(name) is not None


def seems_idle(name: str, value: str) -> bool:
    """Return whether a property has no effect, by the words of its name."""
    if not is_hadoops(name):
        return False
    # The first word, and the group of a job or a task, say little.
    words = re.split("[._-]", name)[1:]
    if words[0] in ("job", "task"):
        del words[0]
    return not _CLUSTER.isdisjoint(words) or last(value) in USUAL


def last(name: str) -> str:
    """Return the name of a class without that of its package."""
    return name.rpartition(".")[2]


def why_impossible(name: str, value: str) -> str | None:
    """Return what to do in place of a property; None if it is possible."""
    if last(value) in USUAL:
        return None
    return next((advice for pattern, advice in _IMPOSSIBLE.items()
                 if re.fullmatch(pattern, name)), None)


def without_java(name: str) -> str:
    """Return what to do in place of a Java class."""
    option = IDENTITIES.get(last(name))
    return (f"no Java runs here; without {option}, lines pass unchanged"
            if option else JAVA)


def unknown_option(name: str, known: Iterable[str]) -> str:
    """Return an error, with the option that the user may have meant."""
    near = nearest(name, [
        *known, *IDLE_OPTIONS, *FORMAT_OPTIONS, *IMPOSSIBLE_OPTIONS])
    return f"unknown option {name!r}" + (
        f"; the nearest known one is {near}" if near else "")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return what differs from a name only by a slip, if anything does."""
    name = _modern(name)
    distance, near = min(
        ((_distance(name, _modern(other)), other) for other in known
         if abs(len(name) - len(_modern(other))) <= MAX_DISTANCE),
        default=(MAX_DISTANCE + 1, ""))
    return near if distance <= min(MAX_DISTANCE, len(name) // 4) else None


def _modern(name: str) -> str:
    """Return a name as if it began as new ones do: people mix the two."""
    return re.sub(r"^mapred\.", "mapreduce.", name)


def _distance(one: str, other: str) -> int:
    """Return the changes of a character from one text to another.

    A change puts in, takes out or replaces one, or swaps two neighbours.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        older, before = before, row
        row = [i]
        for j, wanted in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1,
                           before[j - 1] + (char != wanted)))
            if i > 1 and j > 1 and (
                    one[i - 2:i] == other[j - 2:j][::-1]):
                row[j] = min(row[j], older[j - 2] + 1)
    return row[-1]
