// Whether a request can be executed, as far as what it says goes: rules 7 to 11 of the precedence
// of docs/vau-link-1.md, section 5, in that order.
module judge #(
    parameter int N = 96,
    parameter int NX = 123,
    parameter int ROWS = 2,
    parameter int COLUMNS = 2,
    parameter int CONTEXTS = 4,
    parameter int MAX_PAYLOAD = 1024
) (
    input  logic [7:0]   op,
    input  logic [7:0]   array,
    input  logic [7:0]   die,
    input  logic [15:0]  length,
    input  logic [31:0]  address,
    input  logic [127:0] opening,       // of the payload
    input  logic [15:0]  whole,         // length / N of WRITE, length / NI of STEP and STEP_N
    input  logic         rest,          // and they do not divide
    input  logic         configured,
    input  logic [15:0]  hidden,        // NH of CONFIG
    input  logic         valid,         // the context that is named
    input  logic [23:0]  steps,         // it has had
    input  logic         getting,       // the next part of a transfer of it would be at `part`
    input  logic         setting,
    input  logic [23:0]  part,
    output logic [7:0]   verdict
);
    localparam int MEMORY_ROWS = 4 * (NX + N);
    localparam int DIES = ROWS * COLUMNS;

    wire [7:0]  top = address[31:24];      // region, or context
    wire [23:0] number = address[23:0];    // row, step number or offset
    wire [15:0] asked = opening[15:0];     // rows, or bytes
    wire [15:0] state_bytes = 16'({hidden, 1'b0}) + hidden;

    wire of_memory = op == words::WRITE || op == words::READ || op == words::SUM;
    wire of_step = op == words::STEP || op == words::STEP_N;
    wire of_state = of_step || op == words::STATE_RESET || op == words::STATE_GET
        || op == words::STATE_SET;
    wire known = of_memory || of_state || op == words::CLOSE || op == words::CONFIG || op == words::TELEM;

    // --- CONFIG ---------------------------------------------------------------------------
    wire [7:0]  rows = opening[7:0], columns = opening[15:8];
    wire [15:0] options = opening[31:16], units = opening[47:32], inputs = opening[63:48];
    wire [15:0] row_units = opening[79:64], h_slice = opening[95:80], x_slice = opening[111:96];
    wire config_fits = rows != 8'd0 && columns != 8'd0 && rows <= 8'(ROWS) && columns <= 8'(COLUMNS)
        && units != 16'd0 && units <= 16'(MAX_PAYLOAD - 8)
        && inputs != 16'd0 && inputs <= 16'(MAX_PAYLOAD)
        && row_units != 16'd0 && row_units <= 16'(N) && h_slice != 16'd0 && x_slice != 16'd0
        && h_slice <= 16'(NX + N) && x_slice <= 16'(NX + N) && h_slice + x_slice <= 16'(NX + N)
        && row_units[7:0] * 16'(rows) >= units && h_slice[7:0] * 16'(columns) >= units
        && x_slice[7:0] * 16'(columns) >= inputs;

    // --- memory ---------------------------------------------------------------------------
    logic [15:0] region_rows, most_rows;
    always_comb begin
        case (top)
            bus::WEIGHTS: region_rows = 16'(MEMORY_ROWS);
            bus::BIASES: region_rows = 16'd4;
            default: region_rows = 16'd512;
        endcase
        most_rows = op == words::SUM ? 16'hFFFF
            : top == bus::TABLES ? 16'(MAX_PAYLOAD / 2) : 16'(MAX_PAYLOAD / N);
    end
    wire [15:0] moved = op == words::WRITE ? whole : asked;
    wire offered = top == bus::WEIGHTS || top == bus::BIASES || (top == bus::TABLES && op != words::WRITE);
    wire [24:0] behind = 25'(number) + 25'(moved);
    wire memory_fits = (op == words::WRITE ? !rest : length == 16'd2 && moved <= most_rows)
        && moved != 16'd0 && behind <= 25'(region_rows);

    // --- steps and states -----------------------------------------------------------------
    wire [15:0] carried = op == words::STATE_SET ? length - 16'd8 : asked;
    wire [24:0] part_end = 25'(number) + 25'(carried);
    wire [31:0] answer = 32'(whole) * 32'(hidden) + 32'd8;

    logic fits, comes_right;
    always_comb begin
        case (op)
            words::CLOSE, words::TELEM, words::STATE_RESET: fits = length == 16'd0;
            words::CONFIG: fits = length == 16'd16 && config_fits;
            words::STEP: fits = whole == 16'd1 && !rest;
            words::STEP_N: fits = whole != 16'd0 && !rest && answer <= 32'(MAX_PAYLOAD);
            words::STATE_GET: fits = length == 16'd2 && carried <= 16'(MAX_PAYLOAD - 8)
                && part_end <= 25'(state_bytes);
            words::STATE_SET: fits = length > 16'd8 && part_end <= 25'(state_bytes);
            default: fits = memory_fits;
        endcase
        case (op)
            words::STEP, words::STEP_N: comes_right = valid && number == steps;
            words::STATE_GET: comes_right = valid && (number == 24'd0 || (getting && number == part));
            words::STATE_SET: comes_right = number == 24'd0 || (setting && number == part);
            default: comes_right = 1'b1;
        endcase
    end

    always_comb begin
        if (!known || (of_memory && !offered)
            || (op == words::CONFIG && length == 16'd16 && options != 16'd0)) verdict = words::UNSUPPORTED;
        else if (array != 8'd0 || (of_memory && die >= 8'(DIES)) || (of_state && top >= 8'(CONTEXTS)))
            verdict = words::RANGE;
        else if (of_state && !configured) verdict = words::STATE;
        else if (!fits) verdict = words::RANGE;
        else if (!comes_right) verdict = words::STATE;
        else verdict = words::OK;
    end
endmodule
