/// A deadline that signals a wakeup when it is reached; cheap to move later, again and again.
///
/// Confined to its loop, which holds it while it has a deadline: cancel it when it is no longer wanted.
public final class Alarm {
    /// When it rings; nil for never. Moving it later costs nothing, moving it earlier a step in the loop's heap.
    public var deadline: Instant? {
        didSet { loop.alarms.reschedule(self) }
    }

    let wakeup: Wakeup
    /// The moment the loop will look at it, which may be before `deadline`; nil when it is not in the heap.
    var scheduled: Instant?
    /// Its place in the loop's heap.
    var place = -1
    private let loop: EventLoop

    /// An alarm without a deadline.
    public init(on loop: EventLoop, waking wakeup: Wakeup) {
        self.loop = loop
        self.wakeup = wakeup
    }

    /// True when the deadline has been reached.
    public var isDue: Bool {
        guard let deadline else { return false }
        return deadline <= loop.now
    }

    /// Takes the alarm out of the loop.
    public func cancel() { deadline = nil }
}

/// A loop's alarms, the earliest first: a binary heap whose members know their place.
struct AlarmHeap {
    private var heap: [Alarm] = []

    /// When to look next; nil when there is no alarm.
    var earliest: Instant? { heap.first?.scheduled }

    /// Puts an alarm where its deadline belongs. One that moves later keeps its place and is looked at too early,
    /// which is cheaper than moving it at every request.
    mutating func reschedule(_ alarm: Alarm) {
        guard let deadline = alarm.deadline else {
            if alarm.place >= 0 { remove(alarm) }
            return
        }
        guard let scheduled = alarm.scheduled else {
            alarm.scheduled = deadline
            alarm.place = heap.count
            heap.append(alarm)
            siftUp(alarm.place)
            return
        }
        guard deadline < scheduled else { return }
        alarm.scheduled = deadline
        siftUp(alarm.place)
    }

    /// Rings every alarm that is due and re-sorts those that had moved later.
    mutating func ring(at now: Instant) {
        while let alarm = heap.first, let scheduled = alarm.scheduled, scheduled <= now {
            remove(alarm)
            guard let deadline = alarm.deadline else { continue }
            if deadline <= now { alarm.wakeup.signal() } else { reschedule(alarm) }
        }
    }

    private mutating func remove(_ alarm: Alarm) {
        let place = alarm.place
        alarm.place = -1
        alarm.scheduled = nil
        let last = heap.removeLast()
        guard place < heap.count else { return }
        heap[place] = last
        last.place = place
        siftUp(place)
        siftDown(last.place)
    }

    private mutating func siftUp(_ start: Int) {
        var place = start
        while place > 0, isBefore(place, (place - 1) / 2) {
            exchange(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    private mutating func siftDown(_ start: Int) {
        var place = start
        while true {
            var smallest = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count && isBefore(child, smallest) {
                smallest = child
            }
            guard smallest != place else { return }
            exchange(place, smallest)
            place = smallest
        }
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        guard let first = heap[left].scheduled, let second = heap[right].scheduled else { return false }
        return first < second
    }

    private mutating func exchange(_ left: Int, _ right: Int) {
        heap.swapAt(left, right)
        heap[left].place = left
        heap[right].place = right
    }
}
