import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.apache.hadoop.io.Writable;

/** What is known of some values of a key; parts of it merge. */
public final class Partial implements Writable {
    private long count;
    private double sum;
    private double squares;
    private double least;
    private double greatest;
    private long first;
    private long last;

    /** One value at a time, in microseconds since 1970. */
    void set(long time, double value) {
        count = 1;
        sum = value;
        squares = value * value;
        least = value;
        greatest = value;
        first = time;
        last = time;
    }

    void merge(Iterable<Partial> partials) {
        count = 0;
        sum = 0;
        squares = 0;
        least = Double.POSITIVE_INFINITY;
        greatest = Double.NEGATIVE_INFINITY;
        first = Long.MAX_VALUE;
        last = Long.MIN_VALUE;
        for (Partial other : partials) {
            count += other.count;
            sum += other.sum;
            squares += other.squares;
            least = Math.min(least, other.least);
            greatest = Math.max(greatest, other.greatest);
            first = Math.min(first, other.first);
            last = Math.max(last, other.last);
        }
    }

    /** count,mean,stddev,min,max,sum,first_timestamp,last_timestamp */
    String row() {
        double mean = sum / count;
        String deviation = count > 1 ? "" + Math.sqrt(Math.max(0, squares - sum * mean) / (count - 1)) : "";
        return count + "," + mean + "," + deviation + "," + least + "," + greatest + "," + sum + ","
                + instant(first) + "," + instant(last);
    }

    private static Instant instant(long micros) {
        return Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
    }

    @Override
    public void write(DataOutput out) throws IOException {
        out.writeLong(count);
        out.writeDouble(sum);
        out.writeDouble(squares);
        out.writeDouble(least);
        out.writeDouble(greatest);
        out.writeLong(first);
        out.writeLong(last);
    }

    @Override
    public void readFields(DataInput in) throws IOException {
        count = in.readLong();
        sum = in.readDouble();
        squares = in.readDouble();
        least = in.readDouble();
        greatest = in.readDouble();
        first = in.readLong();
        last = in.readLong();
    }
}
