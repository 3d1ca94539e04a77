import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.hadoop.conf.Configured;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.LongWritable;
import org.apache.hadoop.io.NullWritable;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.mapreduce.Job;
import org.apache.hadoop.mapreduce.Mapper;
import org.apache.hadoop.mapreduce.Reducer;
import org.apache.hadoop.mapreduce.lib.input.FileInputFormat;
import org.apache.hadoop.mapreduce.lib.output.FileOutputFormat;
import org.apache.hadoop.util.Tool;
import org.apache.hadoop.util.ToolRunner;

/**
 * Daily statistics as a MapReduce job is usually written in Java: a line is a call of map, partials are merged by a
 * combiner and a reducer, sums are doubles. Reads CSV with the columns timestamp, device_id, metric, value; writes, for
 * each device, metric and UTC day, a line of
 * device_id,metric,date,count,mean,stddev,min,max,sum,first_timestamp,last_timestamp.
 *
 * <p>hadoop jar daily-stats.jar DailyStats INPUT OUTPUT
 */
public final class DailyStats extends Configured implements Tool {
    enum Lines {
        MALFORMED
    }

    public static final class LineMapper extends Mapper<LongWritable, Text, Text, Partial> {
        private static final byte[] HEADER = "timestamp,".getBytes(StandardCharsets.UTF_8);
        private static final int DATE = 10; // characters of 2026-03-01
        private final Text key = new Text();
        private final Partial partial = new Partial();

        @Override
        protected void map(LongWritable offset, Text line, Context context) throws IOException, InterruptedException {
            byte[] bytes = line.getBytes();
            int length = line.getLength();
            int device = comma(bytes, 0, length) + 1;
            int metric = comma(bytes, device, length) + 1;
            int value = comma(bytes, metric, length) + 1;
            if (offset.get() == 0 && startsWith(bytes, length, HEADER)) {
                return;
            }
            try {
                String number = new String(bytes, value, length - value, StandardCharsets.US_ASCII);
                partial.set(micros(bytes, device - 1), Double.parseDouble(number));
            } catch (IllegalArgumentException | IndexOutOfBoundsException error) {
                context.getCounter(Lines.MALFORMED).increment(1);
                return;
            }
            key.clear();
            key.append(bytes, device, value - device);
            key.append(bytes, 0, DATE);
            context.write(key, partial);
        }

        /** Microseconds since 1970 of what a line begins with, up to `end`: 2026-03-01T00:00:00Z, maybe with a fraction. */
        private static long micros(byte[] text, int end) {
            if (end < 20 || text[end - 1] != 'Z') {
                throw new IllegalArgumentException("no UTC time");
            }
            long days = days(number(text, 0, 4), number(text, 5, 2), number(text, 8, 2));
            long seconds = number(text, 11, 2) * 3600L + number(text, 14, 2) * 60L + number(text, 17, 2);
            int digits = Math.max(0, end - 1 - 20);
            long micros = number(text, 20, digits);
            for (int i = digits; i < 6; i++) {
                micros *= 10;
            }
            return (days * 86_400 + seconds) * 1_000_000 + micros;
        }

        private static int number(byte[] text, int from, int digits) {
            int number = 0;
            for (int i = from; i < from + digits; i++) {
                int digit = text[i] - '0';
                if (digit < 0 || digit > 9) {
                    throw new IllegalArgumentException("no digit");
                }
                number = number * 10 + digit;
            }
            return number;
        }

        /** Days since 1970 of a date of the Gregorian calendar; years are counted from March here. */
        private static long days(int year, int month, int day) {
            int years = month > 2 ? year : year - 1;
            int months = (month + 9) % 12;
            return 365L * years + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day - 1 - 719_468;
        }

        private static int comma(byte[] bytes, int from, int length) {
            int at = from;
            while (at < length && bytes[at] != ',') {
                at++;
            }
            return at;
        }

        private static boolean startsWith(byte[] bytes, int length, byte[] prefix) {
            return length >= prefix.length
                    && Arrays.equals(bytes, 0, prefix.length, prefix, 0, prefix.length);
        }
    }

    public static final class Combiner extends Reducer<Text, Partial, Text, Partial> {
        private final Partial merged = new Partial();

        @Override
        protected void reduce(Text key, Iterable<Partial> partials, Context context)
                throws IOException, InterruptedException {
            merged.merge(partials);
            context.write(key, merged);
        }
    }

    public static final class Finisher extends Reducer<Text, Partial, Text, NullWritable> {
        private final Partial merged = new Partial();
        private final Text row = new Text();

        @Override
        protected void reduce(Text key, Iterable<Partial> partials, Context context)
                throws IOException, InterruptedException {
            merged.merge(partials);
            row.set(key + "," + merged.row());
            context.write(row, NullWritable.get());
        }
    }

    @Override
    public int run(String[] arguments) throws Exception {
        if (arguments.length != 2) {
            System.err.println("usage: DailyStats INPUT OUTPUT");
            return 2;
        }
        Job job = Job.getInstance(getConf(), "daily statistics");
        job.setJarByClass(DailyStats.class);
        job.setMapperClass(LineMapper.class);
        job.setCombinerClass(Combiner.class);
        job.setReducerClass(Finisher.class);
        job.setMapOutputKeyClass(Text.class);
        job.setMapOutputValueClass(Partial.class);
        job.setOutputKeyClass(Text.class);
        job.setOutputValueClass(NullWritable.class);
        FileInputFormat.addInputPath(job, new Path(arguments[0]));
        FileOutputFormat.setOutputPath(job, new Path(arguments[1]));
        return job.waitForCompletion(true) ? 0 : 1;
    }

    public static void main(String[] arguments) throws Exception {
        System.exit(ToolRunner.run(new DailyStats(), arguments));
    }
}
