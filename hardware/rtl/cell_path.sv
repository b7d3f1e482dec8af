// Activations and the cell: tables, gates, c and h of the units of a die at the end of its row.
//
//   ACT    one table read per cycle: the pre-activation in, its gate one cycle later
//   CELL   one unit per cycle through   0 gates and c are read
//                                       1 f * c, i * g
//                                       2 c' = SAT16((f * c >> 12) + (i * g >> 12))
//                                       3 tanh of c' is looked up, c' is stored
//                                       4 o * tanh
//                                       5 h' = o * tanh >> 17, stored
// Products have 32 bits, and every shift rounds down. Ref: docs/munt-spec-0.md, sections 4, 5.
module cell_path #(
    parameter int N = 96,
    parameter int CONTEXT_BITS = 2,
    parameter int PARITY = 1
) (
    input  logic                    clk,
    input  logic                    reset,
    input  logic                    active,        // the die at the end of a row
    input  logic [3:0]              phase,
    input  logic [1:0]              gate,
    input  logic [7:0]              unit,          // of ACT and CELL
    input  logic [7:0]              units,         // real ones, whose clamps count
    input  logic signed [15:0]      pre_activation,
    input  logic [CONTEXT_BITS-1:0] context_id,
    input  logic [7:0]              hidden_unit,   // whose new h is wanted
    output logic [7:0]              hidden,
    output logic                    clamped,       // c', in this cycle
    output logic                    table_bad,     // a word that was read is not what was written
    output logic [8:0]              table_row,
    output logic                    cells_bad,
    output logic [7:0]              cells_row,
    // From and to the bus, between steps.
    input  logic                    store,
    input  logic [CONTEXT_BITS-1:0] store_context,
    input  logic [7:0]              store_unit,
    input  logic [15:0]             store_word,
    input  logic                    fetch_table,
    input  logic                    fetch_cell,
    input  logic [15:0]             fetch_row,     // a table's, or context and unit
    output logic [15:0]             fetched_entry,
    output logic [15:0]             fetched_cell
`ifdef FAULT_INJECT
    , input logic [39:0]            inject
`endif
);
    localparam int UNIT_BITS = $clog2(N > 1 ? N : 2);
    localparam int CELLS_BITS = CONTEXT_BITS + UNIT_BITS;
    localparam int DEPTH = 6;

    logic [DEPTH-1:1] running; // running[k]: stage k holds a unit
    logic [7:0]       stage_unit [1:DEPTH-1];

    wire activates = active && phase == phases::ACT;
    wire issues = active && phase == phases::CELL;

    // --- stages ---------------------------------------------------------------------------
    logic [15:0] input_gate [0:N-1];
    logic [15:0] forget_gate [0:N-1];
    logic [15:0] candidate [0:N-1];
    logic [15:0] output_gate [0:N-1];
    logic signed [15:0] i, f, g, o, o_2, o_3, o_4;
    logic [16:0] cell_word;
    logic signed [31:0] kept_part, new_part, product;
    logic signed [15:0] next_cell;
    logic [7:0] new_hidden [0:N-1];

    logic [16:0] entry; // of a table, its odd parity on top

    function automatic logic signed [31:0] times(input logic signed [15:0] a, input logic signed [15:0] b);
        times = a * b;
    endfunction

    wire signed [31:0] exact = (kept_part >>> 12) + (new_part >>> 12);
    wire overflows = exact[31:15] != {17{exact[31]}};

    assign clamped = running[2] && overflows && stage_unit[2] < units;

    always_ff @(posedge clk) begin
        if (reset) running <= '0;
        else running <= {running[DEPTH-2:1], issues};
        if (issues || running != '0) begin
            stage_unit[1] <= unit;
            for (int stage = 2; stage < DEPTH; stage++) stage_unit[stage] <= stage_unit[stage-1];
        end
        if (issues) begin
            i <= input_gate[unit[UNIT_BITS-1:0]];
            f <= forget_gate[unit[UNIT_BITS-1:0]];
            g <= candidate[unit[UNIT_BITS-1:0]];
            o <= output_gate[unit[UNIT_BITS-1:0]];
        end
        if (running[1]) begin
            kept_part <= times(f, cell_word[15:0]);
            new_part <= times(i, g);
            o_2 <= o;
        end
        if (running[2]) begin
            next_cell <= overflows ? {exact[31], {15{~exact[31]}}} : exact[15:0];
            o_3 <= o_2;
        end
        if (running[3]) o_4 <= o_3;
        if (running[4]) product <= times(o_4, entry[15:0]);
        // 4095 * 4093 >> 17 is 127, and -4093 * 4095 >> 17 is -128: there is nothing to clamp.
        if (running[5]) new_hidden[stage_unit[5][UNIT_BITS-1:0]] <= product[24:17];
    end

    assign hidden = new_hidden[hidden_unit[UNIT_BITS-1:0]];

    // --- gates ----------------------------------------------------------------------------
    logic       looked_up; // for ACT, in the cycle before
    logic [7:0] looked_up_unit;

    always_ff @(posedge clk) begin
        looked_up <= activates && !reset;
        if (activates) looked_up_unit <= unit;
        if (looked_up) begin
            case (gate)
                2'd0: input_gate[looked_up_unit[UNIT_BITS-1:0]] <= entry[15:0];
                2'd1: forget_gate[looked_up_unit[UNIT_BITS-1:0]] <= entry[15:0];
                2'd2: candidate[looked_up_unit[UNIT_BITS-1:0]] <= entry[15:0];
                default: output_gate[looked_up_unit[UNIT_BITS-1:0]] <= entry[15:0];
            endcase
        end
    end

    // --- tables ---------------------------------------------------------------------------
    function automatic logic [7:0] clamp8(input logic signed [8:0] wide);
        clamp8 = wide[8] == wide[7] ? wide[7:0] : {wide[8], {7{~wide[8]}}};
    endfunction

    wire signed [15:0] argument = running[3] ? next_cell : pre_activation;
    wire of_tanh = running[3] || gate == 2'd2;
    wire signed [7:0] k = of_tanh ? clamp8(argument[15:7]) : argument[15:8];
    wire reads_table = activates || running[3] || fetch_table;
    // The tables stand with k ascending from -128: the row is k + 128.
    wire [8:0] row = fetch_table ? fetch_row[8:0] : {!of_tanh, ~k[7], k[6:0]};

    activation_rom rom (
        .clk, .read(reads_table), .row, .entry
`ifdef FAULT_INJECT
        , .flip(inject[39:32] == 8'd4), .flip_row(inject[24:16]), .flip_bit(inject[4:0])
`endif
    );

    logic table_read;
    always_ff @(posedge clk) begin
        table_read <= reads_table && !reset;
        if (reads_table) table_row <= row;
    end
    assign table_bad = PARITY != 0 && table_read && !(^entry);
    assign fetched_entry = entry[15:0];

    // --- c --------------------------------------------------------------------------------
    wire [15:0] written = store ? store_word : next_cell;
    wire [CELLS_BITS-1:0] written_at = store
        ? {store_context, store_unit[UNIT_BITS-1:0]}
        : {context_id, stage_unit[3][UNIT_BITS-1:0]};
    wire [CELLS_BITS-1:0] read_at = fetch_cell
        ? {fetch_row[8+:CONTEXT_BITS], fetch_row[UNIT_BITS-1:0]}
        : {context_id, unit[UNIT_BITS-1:0]};

    word_memory #(.WIDTH(17), .WORDS(2 ** CELLS_BITS)) cells (
        .clk, .write(store || running[3]), .write_address(written_at),
        .write_word({~^written, written}), .read(issues || fetch_cell), .read_address(read_at),
        .read_word(cell_word)
`ifdef FAULT_INJECT
        , .flip(inject[39:32] == 8'd3), .flip_address(inject[16+:CELLS_BITS]), .flip_bit(inject[4:0])
`endif
    );

    logic cell_read;
    always_ff @(posedge clk) begin
        cell_read <= (issues || fetch_cell) && !reset;
        cells_row <= fetch_cell ? fetch_row[7:0] : unit;
    end
    assign cells_bad = PARITY != 0 && cell_read && !(^cell_word);
    assign fetched_cell = cell_word[15:0];
endmodule
